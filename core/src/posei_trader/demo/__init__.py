"""``posei demo``: the whole path on real prices, from contract to chart, without a network.

It asks the registry for a simulated gateway and for a venue adapter by their names; it knows
neither, and would run on any other pair that speaks to each other.
"""
