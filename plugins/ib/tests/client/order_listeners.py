"""Who listens to orders in the tests of what is read of them."""

from __future__ import annotations


class Listener:
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def open_order(self, order):
        self.told.append(order)

    def order_status(self, status):
        self.told.append(status)

    def execution(self, record):
        self.told.append(record)

    def commission(self, report):
        self.told.append(report)


class Glancer(Listener):
    """Is content with a part of an open order, or is not."""

    def __init__(self, *, is_content=True):
        super().__init__()
        self.is_content = is_content
        self.glances = []

    def open_order_glance(self, glance):
        self.glances.append(glance)
        return self.is_content
