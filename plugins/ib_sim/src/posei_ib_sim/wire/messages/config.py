"""The configuration messages of 219 and later (protobuf only)."""

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage


class LockAndExitConfig(Record, kw_only=True, frozen=True):
    """Configure the automatic log-off."""

    autoLogoffTime: str = ""
    autoLogoffPeriod: str = ""
    autoLogoffType: str = ""


class MessageConfig(Record, kw_only=True, frozen=True):
    """Configure one confirmation message."""

    id: int | None = None
    title: str = ""
    message: str = ""
    defaultAction: str = ""
    enabled: bool | None = None


class ApiPrecautionsConfig(Record, kw_only=True, frozen=True):
    """Configure which precautions API orders bypass; None leaves a switch alone."""

    bypassOrderPrecautions: bool | None = None
    bypassBondWarning: bool | None = None
    bypassNegativeYieldConfirmation: bool | None = None
    bypassCalledBondWarning: bool | None = None
    bypassSameActionPairTradeWarning: bool | None = None
    bypassFlaggedAccountsWarning: bool | None = None
    bypassPriceBasedVolatilityWarning: bool | None = None
    bypassRedirectOrderWarning: bool | None = None
    bypassNoOverfillProtection: bool | None = None
    bypassRouteMarketableToBBO: bool | None = None


class ApiSettingsConfig(Record, kw_only=True, frozen=True):
    """Configure the API; None leaves a setting alone."""

    readOnlyApi: bool | None = None
    totalQuantityForMutualFunds: bool | None = None
    downloadOpenOrdersOnConnection: bool | None = None
    includeVirtualFxPositions: bool | None = None
    prepareDailyPnL: bool | None = None
    sendStatusUpdatesForVolatilityOrders: bool | None = None
    encodeApiMessages: str = ""
    socketPort: int | None = None
    useNegativeAutoRange: bool | None = None
    createApiMessageLogFile: bool | None = None
    includeMarketDataInLogFile: bool | None = None
    exposeTradingScheduleToApi: bool | None = None
    splitInsuredDepositFromCashBalance: bool | None = None
    sendZeroPositionsForTodayOnly: bool | None = None
    letApiAccountRequestsSwitchSubscription: bool | None = None
    useAccountGroupsWithAllocationMethods: bool | None = None
    loggingLevel: str = ""
    masterClientId: int | None = None
    bulkDataTimeout: int | None = None
    componentExchSeparator: str = ""
    showForexDataIn1_10Pips: bool | None = None
    allowForexTradingIn1_10Pips: bool | None = None
    roundAccountValuesToNearestWholeNumber: bool | None = None
    sendMarketDataInLotsForUsStocks: bool | None = None
    showAdvancedOrderRejectInUi: bool | None = None
    rejectMessagesAboveMaxRate: bool | None = None
    maintainConnectionOnIncorrectFields: bool | None = None
    compatibilityModeNasdaqStocks: bool | None = None
    sendInstrumentTimezone: str = ""
    sendForexDataInCompatibilityMode: bool | None = None
    maintainAndResubmitOrdersOnReconnect: bool | None = None
    historicalDataMaxSize: int | None = None
    autoReportNettingEventContractTrades: bool | None = None
    optionExerciseRequestType: str = ""
    allowLocalhostOnly: bool | None = None
    trustedIPs: tuple[str, ...] = ()


class ApiConfig(Record, kw_only=True, frozen=True):
    """Group the API's configuration."""

    precautions: ApiPrecautionsConfig | None = None
    settings: ApiSettingsConfig | None = None


class OrdersSmartRoutingConfig(Record, kw_only=True, frozen=True):
    """Configure smart routing; None leaves a switch alone."""

    seekPriceImprovement: bool | None = None
    preOpenReroute: bool | None = None
    doNotRouteToDarkPools: bool | None = None
    defaultAlgorithm: str = ""


class OrdersConfig(Record, kw_only=True, frozen=True):
    """Group the configuration of orders."""

    smartRouting: OrdersSmartRoutingConfig | None = None


class UpdateConfigWarning(Record, kw_only=True, frozen=True):
    """Carry a warning that a configuration change needs accepted."""

    messageId: int | None = None
    title: str = ""
    message: str = ""


class ConfigRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the configuration (108, since 219, protobuf only)."""

    reqId: int | None = None


class ConfigResponse(ServerMessage, kw_only=True, frozen=True):
    """Answer reqConfig (110, since 219, protobuf only)."""

    reqId: int | None = None
    lockAndExit: LockAndExitConfig | None = None
    messages: tuple[MessageConfig, ...] = ()
    api: ApiConfig | None = None
    orders: OrdersConfig | None = None


class UpdateConfigRequest(ClientMessage, kw_only=True, frozen=True):
    """Change the configuration (109, since 221, protobuf only)."""

    reqId: int | None = None
    lockAndExit: LockAndExitConfig | None = None
    messages: tuple[MessageConfig, ...] = ()
    api: ApiConfig | None = None
    orders: OrdersConfig | None = None
    acceptedWarnings: tuple[UpdateConfigWarning, ...] = ()
    resetAPIOrderSequence: bool = False


class UpdateConfigResponse(ServerMessage, kw_only=True, frozen=True):
    """Answer updateConfig (111, since 221, protobuf only)."""

    reqId: int | None = None
    status: str = ""
    message: str = ""
    changedFields: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[UpdateConfigWarning, ...] = ()
