"""The light description of this plugin."""

from posei_trader.plugins import Capability, ProviderSpec, Support, hookimpl


@hookimpl
def posei_providers():
    """Describe the provider to the registry."""
    return [
        ProviderSpec(
            name="csv",
            summary="Daily bars from CSV files",
            api=1,
            data="posei_csv.client:CsvDataClient",
            data_config="posei_csv.config:CsvDataClientConfig",
            data_factory="posei_csv.client:CsvDataClientFactory",
            instruments="posei_csv.instruments:CsvInstrumentProvider",
            capabilities={
                Capability.INSTRUMENTS: Support.FULL,
                Capability.HISTORICAL_BARS: Support.PARTIAL("daily bars of trades only"),
            },
        )
    ]
