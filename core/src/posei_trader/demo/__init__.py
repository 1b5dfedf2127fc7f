"""``posei demo``: the whole path on real prices, from contract to chart, without a network.

It asks the registry for the simulated IB Gateway and the IB adapter by their names and imports
neither. This is the one place in core that spells a venue's settings.
"""
