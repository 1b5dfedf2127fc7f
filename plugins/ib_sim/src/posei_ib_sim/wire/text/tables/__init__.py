"""The text layouts of all messages, by subject."""

from posei_ib_sim.wire.messages import Record
from posei_ib_sim.wire.text.layout import Layout
from posei_ib_sim.wire.text.tables import (
    accounts,
    contracts,
    history,
    market,
    news,
    open_orders,
    order_requests,
    orders,
    requests,
    session,
)

LAYOUTS: dict[type[Record], Layout] = {
    layout.message: layout
    for module in (
        accounts,
        contracts,
        history,
        market,
        news,
        open_orders,
        order_requests,
        orders,
        requests,
        session,
    )
    for layout in module.LAYOUTS
}
"""Every message that has a text form; a message's type also gives its direction."""
