"""IB's exchange codes: the ISO 10383 market that each stands for, and what trades there.

The MICs were checked against the ISO 10383 list published on 2025-02-10. An exchange without a MIC
is IB's own (smart routing, forex, crypto): its code is kept as the venue. Where ISO has segments,
the code is that of the market whose rules apply (XTAE, not a segment of it). To correct an entry,
change its row: everything else follows from this table.

The order of rows is meaningful: a MIC converts back to its exchanges in the order given here, so
the code in use today comes first and the historical ones after it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXCHANGES", "EXCHANGES_OF_MIC", "Exchange"]


class Exchange(NamedTuple):
    """One exchange of IB.

    Attributes:
        code: IB's code.
        mic: ISO 10383 code, empty where there is no market behind the code.
        sec_types: What can be listed there.
    """

    code: str
    mic: str
    sec_types: tuple[str, ...]


_STOCKS: Final = "STK WAR"
_OPTIONS: Final = "OPT"
_FUTURES: Final = "FUT FOP CONTFUT"

_ROWS: Final = (
    # routing and pools of IB itself
    ("SMART", "", "OPT BOND STK"),
    ("IBCFD", "", "CFD"),
    ("IBCMDTY", "", "CMDTY"),
    ("IDEALPRO", "", "CASH FWD"),
    ("IDEAL", "", "CASH FWD"),
    ("FXSUBPIP", "", "CASH FWD"),
    ("FXCONV", "", "CASH"),
    ("PAXOS", "", "CRYPTO"),
    ("ZEROHASH", "", "CRYPTO"),
    ("OVERNIGHT", "", _STOCKS),
    ("IBEOS", "", _STOCKS),
    ("FUNDSERV", "", "FUND"),
    ("ALLFUNDS", "", "FUND"),
    ("FUNDSETTLE", "", "FUND"),
    # United States, shares
    ("NASDAQ", "XNAS", "STK WAR IND OPT"),
    ("ISLAND", "XNAS", _STOCKS),
    ("NYSE", "XNYS", "STK WAR IND"),
    ("ARCA", "ARCX", _STOCKS),
    ("AMEX", "XASE", "OPT STK WAR IND"),
    ("BATS", "BATS", "OPT STK WAR"),
    ("BYX", "BATY", _STOCKS),
    ("EDGEA", "EDGA", _STOCKS),
    ("DRCTEDGE", "EDGX", _STOCKS),
    ("EDGX", "EDGX", "OPT STK"),
    ("IEX", "IEXG", _STOCKS),
    ("MEMX", "MEMX", "OPT STK"),
    ("LTSE", "LTSE", _STOCKS),
    ("BEX", "XBOS", _STOCKS),
    ("PSX", "XPSX", _STOCKS),
    ("CHX", "XCHI", _STOCKS),
    ("NYSENAT", "XCIS", _STOCKS),
    ("PINK", "OTCM", _STOCKS),
    ("OTCLNKECN", "OTCM", _STOCKS),
    ("RUSSELL", "", "IND"),
    # United States, options
    ("CBOE", "XCBO", "OPT IND STK"),
    ("CBOE2", "C2OX", _OPTIONS),
    ("BOX", "XBOX", _OPTIONS),
    ("ISE", "XISX", _OPTIONS),
    ("GEMINI", "GMNI", _OPTIONS),
    ("MERCURY", "MCRY", _OPTIONS),
    ("MIAX", "XMIO", _OPTIONS),
    ("EMERALD", "EMLD", _OPTIONS),
    ("SAPPHIRE", "SPHR", _OPTIONS),
    ("PEARL", "MPRL", "OPT STK"),
    ("PHLX", "XPHL", "OPT IND"),
    ("NASDAQOM", "XNDQ", _OPTIONS),
    ("NASDAQBX", "XBXO", _OPTIONS),
    ("PSE", "ARCO", _OPTIONS),
    # United States, futures
    ("CME", "XCME", f"{_FUTURES} IND"),
    ("GLOBEX", "XCME", _FUTURES),
    ("CMECRYPTO", "XCME", _FUTURES),
    ("CBOT", "XCBT", f"{_FUTURES} IND"),
    ("ECBOT", "XCBT", _FUTURES),
    ("NYMEX", "XNYM", _FUTURES),
    ("COMEX", "XCEC", _FUTURES),
    ("KCBT", "XKBT", _FUTURES),
    ("MGE", "XMGE", _FUTURES),
    ("NYBOT", "IFUS", f"{_FUTURES} IND"),
    ("CFE", "XCBF", _FUTURES),
    ("SMFE", "SMFE", _FUTURES),
    ("QBALGO", "", _FUTURES),
    # Canada and Latin America
    ("TSE", "XTSE", _STOCKS),
    ("TSX", "XTSE", _STOCKS),
    ("VENTURE", "XTSX", _STOCKS),
    ("AEQLIT", "NEOE", _STOCKS),
    ("PURE", "PURE", _STOCKS),
    ("CDE", "XMOD", f"OPT {_FUTURES}"),
    ("MEXI", "XMEX", _STOCKS),
    ("MEXDER", "XEMD", _FUTURES),
    ("BVMF", "BVMF", _STOCKS),
    ("BVC", "XBOG", _STOCKS),
    # Europe, shares
    ("LSE", "XLON", _STOCKS),
    ("LSEETF", "XLON", _STOCKS),
    ("LSEIOB1", "XLON", _STOCKS),
    ("IBIS", "XETR", _STOCKS),
    ("IBIS2", "XETR", _STOCKS),
    ("FWB", "XFRA", _STOCKS),
    ("FWB2", "XFRA", _STOCKS),
    ("SWB", "XSTU", _STOCKS),
    ("SWB2", "XSTU", _STOCKS),
    ("TGATE", "XGAT", _STOCKS),
    ("GETTEX", "MUND", _STOCKS),
    ("GETTEX2", "MUND", _STOCKS),
    ("SBF", "XPAR", _STOCKS),
    ("AEB", "XAMS", _STOCKS),
    ("ENEXT.BE", "XBRU", _STOCKS),
    ("BVL", "XLIS", _STOCKS),
    ("BVLP", "XLIS", _STOCKS),
    ("BVME", "XMIL", _STOCKS),
    ("BVME.ETF", "ETFP", _STOCKS),
    ("BIT", "XMIL", _STOCKS),
    ("BM", "XMAD", _STOCKS),
    ("BME", "XMAD", _STOCKS),
    ("MDRD", "XMAD", _STOCKS),
    ("EBS", "XSWX", _STOCKS),
    ("SIX", "XSWX", _STOCKS),
    ("SWX", "XSWX", _STOCKS),
    ("VIRTX", "XSWX", _STOCKS),
    ("VRTX", "XSWX", _STOCKS),
    ("VSE", "XWBO", _STOCKS),
    ("WBAG", "XWBO", _STOCKS),
    ("SFB", "XSTO", _STOCKS),
    ("CPH", "XCSE", _STOCKS),
    ("KFB", "XCSE", _STOCKS),
    ("HEX", "XHEL", _STOCKS),
    ("HMB", "XHEL", _STOCKS),
    ("OSE", "XOSL", _STOCKS),
    ("OSL", "XOSL", _STOCKS),
    ("ISB", "XICE", _STOCKS),
    ("IRE", "XDUB", _STOCKS),
    ("BUX", "XBUD", _STOCKS),
    ("PRA", "XPRA", _STOCKS),
    ("WSE", "XWAR", f"{_STOCKS} {_FUTURES}"),
    ("N.TALLINN", "XTAL", _STOCKS),
    ("N.RIGA", "XRIS", _STOCKS),
    ("N.VILNIUS", "XLIT", _STOCKS),
    ("BATEEN", "BATE", _STOCKS),
    ("CHIXEN", "CHIX", _STOCKS),
    ("TRQXEN", "TRQX", _STOCKS),
    ("AQEU", "AQEU", _STOCKS),
    # Europe, derivatives
    ("EUREX", "XEUR", f"OPT {_FUTURES} IND"),
    ("DTB", "XEUR", f"OPT {_FUTURES} IND"),
    ("SOFFEX", "XEUR", f"OPT {_FUTURES}"),
    ("FTA", "XEUE", f"OPT {_FUTURES} IND"),
    ("MONEP", "XMON", f"OPT {_FUTURES} IND"),
    ("MATIF", "XMAT", f"OPT {_FUTURES}"),
    ("BELFOX", "XBRD", f"OPT {_FUTURES}"),
    ("IDEM", "XDMI", f"OPT {_FUTURES}"),
    ("MEFFRV", "XMRV", f"OPT {_FUTURES}"),
    ("OMS", "XSTO", f"OPT {_FUTURES} IND"),
    ("ICEEU", "IFEU", f"OPT {_FUTURES}"),
    ("ICEEUSOFT", "IFLX", _FUTURES),
    ("IPE", "IFEU", _FUTURES),
    ("ENDEX", "NDEX", _FUTURES),
    ("NDEX", "NDEX", _FUTURES),
    ("LMEOTC", "XLME", _FUTURES),
    # Asia, Pacific, Africa
    ("SEHK", "XHKG", f"OPT {_STOCKS}"),
    ("SEHKNTL", "XSSC", _STOCKS),
    ("SEHKSTAR", "XSSC", _STOCKS),
    ("SEHKSZSE", "XSEC", _STOCKS),
    ("CHINEXT", "XSEC", _STOCKS),
    ("SSE", "XSHG", _STOCKS),
    ("SZSE", "XSHE", _STOCKS),
    ("HKFE", "XHKF", f"OPT {_FUTURES} IND"),
    ("TSEJ", "XTKS", _STOCKS),
    ("TSE.JPN", "XTKS", f"{_STOCKS} IND"),
    ("CHIXJ", "CHIJ", _STOCKS),
    ("JPNNEXT", "SBIJ", _STOCKS),
    ("OSE.JPN", "XOSE", f"OPT {_FUTURES} IND"),
    ("SGX", "XSES", f"STK WAR OPT {_FUTURES}"),
    ("KSE", "XKRX", f"STK WAR OPT {_FUTURES} IND"),
    ("KRX", "XKRX", f"STK WAR OPT {_FUTURES}"),
    ("NSE", "XNSE", f"STK WAR OPT {_FUTURES} IND"),
    ("BSE", "XBOM", _STOCKS),
    ("ASX", "XASX", f"OPT {_STOCKS} IND"),
    ("ASXCEN", "ASXC", _STOCKS),
    ("CHIXAU", "CHIA", _STOCKS),
    ("SNFE", "XSFE", _FUTURES),
    ("TWSE", "XTAI", _STOCKS),
    ("TPEX", "ROCO", _STOCKS),
    ("BURSAMY", "XKLS", _STOCKS),
    ("SET", "XBKK", _STOCKS),
    ("IDX", "XIDX", _STOCKS),
    ("TADAWUL", "XSAU", _STOCKS),
    ("DFM", "XDFM", _STOCKS),
    ("ADX", "XADS", _STOCKS),
    ("TASE", "XTAE", _STOCKS),
    ("JSE", "XJSE", _STOCKS),
    ("SAFEX", "XSAF", _FUTURES),
)

EXCHANGES: Final[Mapping[str, Exchange]] = MappingProxyType(
    {code: Exchange(code, mic, tuple(kinds.split())) for code, mic, kinds in _ROWS}
)
"""Every exchange by IB's code."""

_ALIASES: Final = {
    # One venue in other vendors' data; CME's own four markets at IB.
    "GLBX": ("CME", "CBOT", "NYMEX", "COMEX"),
    "XMUN": ("GETTEX",),
    "PINX": ("PINK",),
    "OTCB": ("PINK",),
    "MTAA": ("BVME",),
    "XVTX": ("EBS",),
    "IFLL": ("ICEEU",),
    "EPRL": ("PEARL",),
    "XKFE": ("KSE",),
    "XPHO": ("PHLX",),
    "AMXO": ("AMEX",),
    "BATO": ("BATS",),
    "EDGO": ("EDGX",),
    "MXOP": ("MEMX",),
    "TGAT": ("TGATE",),
}


def _exchanges_of_mic() -> Mapping[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for exchange in EXCHANGES.values():
        if exchange.mic:
            table[exchange.mic] = (*table.get(exchange.mic, ()), exchange.code)
    return MappingProxyType({**_ALIASES, **table})


EXCHANGES_OF_MIC: Final[Mapping[str, tuple[str, ...]]] = _exchanges_of_mic()
"""IB's exchanges of each MIC, the usual one first; further MICs are understood, never produced."""
