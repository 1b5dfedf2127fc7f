import logging

from posei_trader.engine.bus import MessageBus


def test_handlers_are_called_in_the_order_of_their_subscription():
    bus, seen = MessageBus(), []
    bus.subscribe("a", lambda message: seen.append((1, message)))
    bus.subscribe("a", lambda message: seen.append((2, message)))
    bus.publish("a", "x")
    assert seen == [(1, "x"), (2, "x")]


def test_a_topic_is_the_same_object_every_time():
    bus = MessageBus()
    assert bus.topic("a") is bus.topic("a")


def test_a_raising_handler_is_logged_with_its_traceback_and_stops_nobody(caplog):
    bus, seen = MessageBus(), []

    def broken(_):
        raise ValueError("oops")

    bus.subscribe("a", broken)
    bus.subscribe("a", seen.append)
    with caplog.at_level(logging.ERROR, "posei"):
        bus.publish("a", 1)
    assert seen == [1]
    [record] = [one for one in caplog.records if one.name != "asyncio"]
    assert record.exc_info[1].args == ("oops",)
    assert record.getMessage() == "a handler of a raised"


def test_whoever_named_an_error_handler_is_told_instead_of_the_log(caplog):
    bus, told = MessageBus(), []

    def broken(_):
        raise ValueError("oops")

    bus.subscribe("a", broken, lambda topic, error: told.append((topic, str(error))))
    bus.publish("a", 1)
    assert told == [("a", "oops")]
    assert not [one for one in caplog.records if one.name != "asyncio"]


def test_a_pattern_catches_topics_that_exist_and_topics_that_are_made_later():
    bus, seen = MessageBus(), []
    early = bus.topic("data.quotes.AAPL.XNAS")
    bus.subscribe("data.quotes.*", seen.append)
    late = bus.topic("data.quotes.MSFT.XNAS")
    bus.topic("data.trades.MSFT.XNAS").publish("other")
    early.publish(1)
    late.publish(2)
    assert seen == [1, 2]


def test_unsubscribing_ends_delivery_also_for_patterns():
    bus, seen = MessageBus(), []
    bus.subscribe("a.*", seen.append)
    bus.subscribe("b", seen.append)
    bus.publish("a.1", 1)
    bus.unsubscribe("a.*", seen.append)
    bus.unsubscribe("b", seen.append)
    bus.unsubscribe("b", seen.append)
    bus.publish("a.1", 2)
    bus.publish("a.2", 3)
    bus.publish("b", 4)
    assert seen == [1]


def test_a_handler_that_subscribes_twice_is_called_once():
    bus, seen = MessageBus(), []
    bus.subscribe("a", seen.append)
    bus.subscribe("a", seen.append)
    bus.publish("a", 1)
    assert seen == [1]


def test_a_handler_that_leaves_while_it_is_called_does_not_disturb_the_others():
    bus, seen = MessageBus(), []

    def once(message):
        seen.append(("once", message))
        bus.unsubscribe("a", once)

    bus.subscribe("a", once)
    bus.subscribe("a", seen.append)
    bus.publish("a", 1)
    bus.publish("a", 2)
    assert seen == [("once", 1), 1, 2]


def test_topics_are_listed_by_name():
    bus = MessageBus()
    bus.topic("b")
    bus.topic("a")
    assert bus.topics() == ["a", "b"]
