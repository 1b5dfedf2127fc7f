from __future__ import annotations

from posei_trader.demo.chart import Line, Point, Trade, draw

T0 = 1_704_150_000_000_000_000


def test_the_picture_has_a_panel_for_equity_and_one_for_each_instrument(tmp_path):
    prices = [Point(T0 + n * 10**9, 100 + n % 7) for n in range(20_000)]
    trades = [Trade(T0, 100.0, True), Trade(T0 + 10**9, 101.0, False)]
    output = tmp_path / "demo.svg"
    draw(
        [Point(T0, 0.0), Point(T0 + 10**9, 5.0)],
        {"AAPL.NASDAQ": Line(prices, trades), "MSFT.NASDAQ": Line(prices, [])},
        "USD",
        output,
    )
    text = output.read_text()
    assert text.count('<g id="axes_') == 3
    assert output.stat().st_size < 2_000_000
