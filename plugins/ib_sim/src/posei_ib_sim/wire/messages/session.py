"""The session itself: start, errors, time, verification, display groups."""

from posei_ib_sim.wire.messages.base import ClientMessage, ServerMessage


class StartApiRequest(ClientMessage, kw_only=True, frozen=True):
    """Begin the session after the handshake (71, startApi)."""

    clientId: int | None = None
    optionalCapabilities: str = ""


class ErrorMessage(ServerMessage, kw_only=True, frozen=True):
    """Carry an error or notice; errorTime in epoch milliseconds since 194 (4, error)."""

    id: int | None = None
    errorTime: int | None = None
    errorCode: int | None = None
    errorMsg: str = ""
    advancedOrderRejectJson: str = ""


class CurrentTime(ServerMessage, kw_only=True, frozen=True):
    """Answer reqCurrentTime in epoch seconds (49, currentTime)."""

    currentTime: int | None = None


class CurrentTimeRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the server's time (49, reqCurrentTime)."""


class CurrentTimeInMillis(ServerMessage, kw_only=True, frozen=True):
    """Answer reqCurrentTimeInMillis (109, since 197)."""

    currentTimeInMillis: int | None = None


class CurrentTimeInMillisRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the server's time in milliseconds (105, since 197)."""


class SetServerLogLevelRequest(ClientMessage, kw_only=True, frozen=True):
    """Set the server's log level (14, setServerLogLevel)."""

    logLevel: int | None = None


class UserInfo(ServerMessage, kw_only=True, frozen=True):
    """Answer reqUserInfo (107, userInfo, since 167)."""

    reqId: int | None = None
    whiteBrandingId: str = ""


class UserInfoRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the user's white branding id (104, reqUserInfo, since 167)."""

    reqId: int | None = None


class VerifyRequest(ClientMessage, kw_only=True, frozen=True):
    """Begin the verification of a program (65, verifyRequest)."""

    apiName: str = ""
    apiVersion: str = ""


class VerifyMessageRequest(ClientMessage, kw_only=True, frozen=True):
    """Go on with a verification (66, verifyMessage)."""

    apiData: str = ""


class VerifyMessageApi(ServerMessage, kw_only=True, frozen=True):
    """Send verification data (65, verifyMessageAPI)."""

    apiData: str = ""


class VerifyCompleted(ServerMessage, kw_only=True, frozen=True):
    """End a verification (66, verifyCompleted)."""

    isSuccessful: bool = False
    errorText: str = ""


class VerifyAndAuthRequest(ClientMessage, kw_only=True, frozen=True):
    """Begin verification and authentication (72, text only)."""

    apiName: str = ""
    apiVersion: str = ""
    opaqueIsvKey: str = ""


class VerifyAndAuthMessage(ClientMessage, kw_only=True, frozen=True):
    """Go on with verification and authentication (73, text only)."""

    apiData: str = ""
    xyzResponse: str = ""


class VerifyAndAuthMessageApi(ServerMessage, kw_only=True, frozen=True):
    """Send the challenge (69, text only)."""

    apiData: str = ""
    xyzChallenge: str = ""


class VerifyAndAuthCompleted(ServerMessage, kw_only=True, frozen=True):
    """End verification and authentication (70, text only)."""

    isSuccessful: bool = False
    errorText: str = ""


class QueryDisplayGroupsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the display groups (67, queryDisplayGroups)."""

    reqId: int | None = None


class DisplayGroupList(ServerMessage, kw_only=True, frozen=True):
    """List the display groups, separated by a pipe (67, displayGroupList)."""

    reqId: int | None = None
    groups: str = ""


class SubscribeToGroupEventsRequest(ClientMessage, kw_only=True, frozen=True):
    """Follow a display group (68, subscribeToGroupEvents)."""

    reqId: int | None = None
    groupId: int | None = None


class DisplayGroupUpdated(ServerMessage, kw_only=True, frozen=True):
    """Tell a group's contract: none or conId@exchange (68, displayGroupUpdated)."""

    reqId: int | None = None
    contractInfo: str = ""


class UpdateDisplayGroupRequest(ClientMessage, kw_only=True, frozen=True):
    """Change a group's contract (69, updateDisplayGroup)."""

    reqId: int | None = None
    contractInfo: str = ""


class UnsubscribeFromGroupEventsRequest(ClientMessage, kw_only=True, frozen=True):
    """Stop following a group (70, unsubscribeFromGroupEvents)."""

    reqId: int | None = None
