"""Server to client: the session itself."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import layout

LAYOUTS = (
    layout(m.NextValidId, "'1' orderId", exact=True),
    layout(
        m.ErrorMessage,
        # Up to 193 some clients know an error by its version field.
        "'2'@..193 id|-1 errorCode errorMsg advancedOrderRejectJson@166.. errorTime|0@194..",
    ),
    layout(m.CurrentTime, "'1' currentTime", exact=True),
    layout(m.CurrentTimeInMillis, "currentTimeInMillis"),
    layout(m.DisplayGroupList, "'1' reqId groups", exact=True),
    layout(m.DisplayGroupUpdated, "'1' reqId contractInfo", exact=True),
    layout(m.VerifyMessageApi, "'1' apiData", exact=True),
    layout(m.VerifyCompleted, "'1' isSuccessful errorText", exact=True),
    layout(m.VerifyAndAuthMessageApi, "'1' apiData xyzChallenge", exact=True),
    layout(m.VerifyAndAuthCompleted, "'1' isSuccessful errorText", exact=True),
)
