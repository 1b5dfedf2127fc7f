"""Bytes as the protocol's description gives them, and its rules for short and long messages."""

from decimal import Decimal

import pytest

from posei_ib_sim.wire import Codec, DecodeError, EncodeError, UnsupportedMessage
from posei_ib_sim.wire import messages as m

PLACE_ORDER_FIELDS = {
    157: 109, 163: 112, 166: 113, 169: 114, 177: 113, 183: 114, 184: 115, 190: 116, 192: 117,
    199: 118,
}  # fmt: skip


def text(*fields):
    return "".join(f"{field}\0" for field in fields).encode()


def framed(payload):
    return len(payload).to_bytes(4, "big") + payload


def test_the_session_start_has_the_documented_bytes():
    old, new = Codec(178), Codec(225)
    start = m.StartApiRequest(clientId=7)
    accounts, next_id = m.ManagedAccounts(accountsList="DU123456"), m.NextValidId(orderId=1)
    assert old.encode(accounts) == framed(text(15, 1, "DU123456"))
    assert old.encode(next_id) == framed(text(9, 1, 1))
    assert old.decode(text(71, 2, 7, "")) == start
    assert new.encode(accounts) == bytes.fromhex("0000000E 000000D7 0A08") + b"DU123456"
    assert new.encode(next_id) == bytes.fromhex("00000006 000000D1 0801")
    assert new.decode(bytes.fromhex("0000010F 0807 1200")) == start


def test_empty_protobuf_messages_are_a_frame_of_just_the_id():
    assert Codec(226).encode(m.PositionEnd()) == bytes.fromhex("00000004 00000106")
    assert Codec(226).decode(bytes.fromhex("000000F9")) == m.CurrentTimeRequest()


def test_messages_without_a_schema_stay_text_behind_a_binary_id():
    message = m.VerifyAndAuthCompleted(isSuccessful=True, errorText="")
    assert Codec(226).encode(message) == framed(b"\0\0\0\x46" + text(1, 1, ""))
    request = Codec(226).decode(b"\0\0\0\x48" + text(1, "name", "9.7", "key"))
    assert request == m.VerifyAndAuthRequest(apiName="name", apiVersion="9.7", opaqueIsvKey="key")


def test_a_tick_looks_as_on_a_real_gateway():
    tick = m.TickPrice(reqId=1, tickType=1, price=100.5, size=Decimal(200), attrMask=1)
    assert Codec(157).encode(tick) == framed(text(1, 6, 1, 1, 100.5, 200, 1))


def test_the_error_message_changes_its_shape_at_166_and_194():
    error = m.ErrorMessage(id=-1, errorCode=2104, errorMsg="ok", errorTime=1775136600000)
    assert Codec(165).encode(error) == framed(text(4, 2, -1, 2104, "ok"))
    assert Codec(193).encode(error) == framed(text(4, 2, -1, 2104, "ok", ""))
    assert Codec(194).encode(error) == framed(text(4, -1, 2104, "ok", "", 1775136600000))


def test_history_brings_its_dates_until_196_and_has_an_end_message_after():
    history = m.HistoricalData(reqId=1, startDateStr="a", endDateStr="b")
    end = m.HistoricalDataEnd(reqId=1, startDateStr="a", endDateStr="b")
    assert Codec(195).encode(history) == framed(text(17, 1, "a", "b", 0))
    assert Codec(196).encode(history) == framed(text(17, 1, 0))
    assert Codec(196).encode(end) == framed(text(108, 1, "a", "b"))
    assert not Codec(195).supports(m.HistoricalDataEnd)
    with pytest.raises(UnsupportedMessage, match=r"HistoricalDataEnd .* 195"):
        Codec(195).encode(end)
    with pytest.raises(UnsupportedMessage, match=r"ConfigResponse .* 218"):
        Codec(218).encode(m.ConfigResponse())


def test_quote_masks_have_opposite_bits_streamed_and_historical():
    low = m.TickAttribBidAsk(bidPastLow=True)
    quote = m.HistoricalTickBidAsk(
        time=5,
        tickAttribBidAsk=low,
        priceBid=1.0,
        priceAsk=2.0,
        sizeBid=Decimal(3),
        sizeAsk=Decimal(4),
    )
    streamed = m.TickByTickData(reqId=1, tickType=3, historicalTickBidAsk=quote)
    past = m.HistoricalTicksBidAsk(reqId=1, historicalTicksBidAsk=(quote,), isDone=True)
    assert Codec(178).encode(streamed) == framed(text(99, 1, 3, 5, 1.0, 2.0, 3, 4, 1))
    assert Codec(178).encode(past) == framed(text(97, 1, 1, 5, 2, 1.0, 2.0, 3, 4, 1))


def test_an_updated_bar_is_ordered_unlike_a_historical_one():
    bar = m.HistoricalDataBar(
        date="d",
        open=1.0,
        high=4.0,
        low=0.5,
        close=2.0,
        volume=Decimal(9),
        WAP=Decimal("1.5"),
        barCount=7,
    )
    update = m.HistoricalDataUpdate(reqId=1, historicalDataBar=bar)
    assert Codec(178).encode(update) == framed(text(90, 1, 7, "d", 1.0, 2.0, 4.0, 0.5, 1.5, 9))


@pytest.mark.parametrize(("version", "count"), PLACE_ORDER_FIELDS.items())
def test_a_plain_stock_order_has_the_documented_number_of_fields(version, count):
    contract = m.Contract(symbol="SPY", secType="STK", exchange="SMART")
    order = m.PlaceOrderRequest(orderId=1, contract=contract)
    assert Codec(version).encode_client(order)[4:].count(b"\0") == 1 + count


def test_trailing_extra_fields_are_ignored_and_missing_ones_are_unset():
    codec = Codec(178)
    assert codec.decode(text(8, 1, 5, "extra", "more")) == m.IdsRequest(numIds=5)
    assert codec.decode(text(8)) == m.IdsRequest(numIds=None)
    assert codec.decode(text(1, 11, 4)) == m.MarketDataRequest(reqId=4)
    assert codec.decode(b"8\x001\x005") == m.IdsRequest(numIds=5)  # unterminated


def test_reports_that_the_official_client_counts_must_be_exact():
    codec = Codec(178)
    assert codec.decode_server(text(9, 1, 5)) == m.NextValidId(orderId=5)
    with pytest.raises(DecodeError, match="3 fields behind its id, exactly 2 are expected"):
        codec.decode_server(text(9, 1, 5, "extra"))
    with pytest.raises(DecodeError, match="1 fields behind its id, exactly 2 are expected"):
        codec.decode_server(text(9, 1))


def test_older_versions_of_a_request_are_read_like_the_newest():
    assert Codec(178).decode(text(2, 1, 9)) == m.CancelMarketData(reqId=9)  # @stoqey/ib


def test_option_lists_are_read_with_and_without_the_count_that_ib_async_sends():
    contract = [""] * 12
    plain = text(54, 3, 9, *contract, 1.5, 100, "a=b;")
    counted = text(54, 3, 9, *contract, 1.5, 100, 1, "a=b;")
    without = text(54, 2, 9, *contract, 1.5, 100)
    expected = m.CalculateImpliedVolatilityRequest(
        reqId=9, optionPrice=1.5, underPrice=100.0, impliedVolatilityOptions={"a": "b"}
    )
    assert Codec(178).decode(plain) == Codec(178).decode(counted) == expected
    assert Codec(178).decode(without).impliedVolatilityOptions == {}


@pytest.mark.parametrize(
    "sentinel",
    ["", "2147483647", "9223372036854775807", "1.7976931348623157E308", "1.7976931348623157e+308"],
)
def test_every_way_to_say_unset_is_unset(sentinel):
    fields = ["3", "7", *[""] * 14, "BUY", sentinel, "LMT"]
    assert Codec(178).decode(text(*fields)).order.totalQuantity is None
    if "." in sentinel or not sentinel:
        assert Codec(178).decode(text(*fields, sentinel)).order.lmtPrice is None
    else:
        assert Codec(178).decode(text(8, 1, sentinel)).numIds is None


@pytest.mark.parametrize("spelling", ["Infinity", "Infinite"])
def test_both_spellings_of_infinity_are_understood(spelling):
    assert Codec(178).decode(text(3, 7, *[""] * 16, "LMT", spelling)).order.lmtPrice == float("inf")


def test_text_beyond_ascii_is_escaped_to_clients_and_read_back():
    error = m.ErrorMessage(id=1, errorCode=200, errorMsg="Zürich 😀")
    encoded = Codec(178).encode(error)
    assert rb"Z\u00fcrich \ud83d\ude00" in encoded
    assert Codec(178).decode_server(encoded[4:]) == error
    assert "Zürich 😀".encode() in Codec(226).encode(error)


def test_a_nul_in_a_text_is_refused_before_it_can_shift_the_fields():
    for message in (m.TickString(reqId=1, tickType=1, value="a\0b"), m.AccountValue(key="a\0b")):
        with pytest.raises(EncodeError, match="holds a NUL"):
            Codec(178).encode(message)


def test_a_value_that_cannot_travel_is_refused_by_name():
    nan = m.TickPrice(reqId=1, tickType=1, price=float("nan"), size=Decimal(1))
    for version in (178, 226):
        with pytest.raises(EncodeError, match=r"TickPrice: field price: '?nan"):
            Codec(version).encode(nan)
    options = m.Order(orderMiscOptions={"a;b": "c"})
    with pytest.raises(EncodeError, match=r"field orderMiscOptions: .* as separators"):
        Codec(178).encode_client(m.PlaceOrderRequest(orderId=1, order=options))
    with pytest.raises(EncodeError, match="OrderStatus: field orderId: 1099511627776"):
        Codec(226).encode(m.OrderStatus(orderId=2**40))


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("stranger", [m.PnLRequest(reqId=1), m.Contract(conId=1), "text"])
def test_what_is_no_message_of_the_direction_is_refused_by_name(version, stranger):
    with pytest.raises(EncodeError, match=f"{type(stranger).__name__} is no message that servers"):
        Codec(version).encode(stranger)
    with pytest.raises(EncodeError, match="PnL is no message that clients send"):
        Codec(version).encode_client(m.PnL(reqId=1))


def test_quantities_are_written_without_exponents():
    tick = m.TickSize(reqId=1, tickType=0, size=Decimal("1E+3"))
    assert Codec(178).encode(tick) == framed(text(2, 6, 1, 0, 1000))
    assert Codec(226).encode(tick).endswith(b"1000")


def test_multipliers_are_whole_where_they_can_be():
    contract = m.Contract(conId=1, multiplier=50.0)
    position = m.Position(account="DU1", contract=contract)
    assert b"\x0050\x00" in Codec(178).encode(position)


def test_messages_and_what_they_hold_cannot_be_changed():
    with pytest.raises(AttributeError):
        m.NextValidId(orderId=1).orderId = 2
