"""What the tests of the dockerized gateway share: an image, a registry, listeners, proxies."""
