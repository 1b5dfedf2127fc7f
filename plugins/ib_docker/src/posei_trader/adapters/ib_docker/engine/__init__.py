"""The container engine behind one small seam: what we ask of it, and Docker's way of answering."""
