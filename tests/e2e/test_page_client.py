"""The JavaScript client in a real browser, against a running gateway: what only both together can show."""

import pytest
from playwright.async_api import Browser

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

_CONNECTED = """
  const { connect } = await import("./static/client/index.js");
  const session = connect(new URL("v1/ws", document.baseURI).href.replace("http", "ws"));
  const welcome = await new Promise((resolve) => {
    session.subscribe(({ welcome }) => welcome && resolve(welcome));
  });
"""

_FOLLOWED = (
    "async () => {"
    + _CONNECTED
    + """
  const [{ name, example }] = welcome.extractors;
  const follow = session.follow({ channel: "desk" });
  const watch = session.extract({ extractor: name, input: example.input, channel: "desk", progress: true });
  const states = [];
  for await (const { extraction, state } of follow) {
    states.push(state);
    if (states.length === 1) session.interrupt();
    if (state === "completed") break;
  }
  const { users } = await watch.result;
  const { checked, progress } = watch.getSnapshot();
  const { extractions } = follow.getSnapshot();
  session.close();
  const named = extractions.map(({ extraction }) => extraction === watch.extraction);
  return { users: users.length, checked, active: progress.active, last: states.at(-1), named };
}"""
)

_HURRIED = (
    "async () => {"
    + _CONNECTED
    + """
  for (let count = 0; count < 40; count++) session.follow({ channel: "desk" }).close();
  const follow = session.follow({ channel: "hall" });
  const [{ name, example }] = welcome.extractors;
  const watch = session.extract({ extractor: name, input: example.input, channel: "hall" });
  const { value } = await follow[Symbol.asyncIterator]().next();
  watch.cancel();
  await watch.result.catch(() => {});
  const { error } = session;
  session.close();
  return { channel: value.channel, error: error?.code ?? null };
}"""
)


async def test_a_channel_is_followed_and_the_value_proven_over_a_lost_line(browser: Browser, gateway_url: str) -> None:
    """The line is lost with the first announcement; the last one is heard on the next, the digest holds."""
    page = await browser.new_page()
    await page.goto(gateway_url)
    assert await page.evaluate(_FOLLOWED) == {
        "users": 4,
        "checked": True,
        "active": None,
        "last": "completed",
        "named": [True],
    }


async def test_who_has_much_to_say_is_never_refused(browser: Browser, gateway_url: str) -> None:
    """Of 82 messages at once, where the server takes 60, none is answered with `rate_limited`."""
    page = await browser.new_page()
    await page.goto(gateway_url)
    assert await page.evaluate(_HURRIED) == {"channel": "hall", "error": None}


_HIDDEN = (
    "async () => {"
    + _CONNECTED
    + """
  const [{ name, example }] = welcome.extractors;
  const framesOf = async (hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
    const watch = session.extract({ extractor: name, input: example.input, interval_ms: 0 });
    let frames = 0;
    watch.observe(() => (frames += 1));
    await watch.result;
    return frames;
  };
  const counts = [await framesOf(true), await framesOf(false)];
  const { status } = session.getSnapshot();
  session.close();
  return { counts, status };
}"""
)


async def test_a_hidden_page_is_sent_a_tenth(browser: Browser, gateway_url: str) -> None:
    """Of a run of four seconds it has some five updates, and all eighty once it is seen; the session stays."""
    page = await browser.new_page()
    await page.goto(gateway_url)
    seen = await page.evaluate(_HIDDEN)
    hidden, visible = seen["counts"]
    assert seen["status"] == "open"
    assert hidden * 5 < visible


_OFFLINE = (
    "async () => {"
    + _CONNECTED
    + """
  const statuses = [];
  session.subscribe(({ status }) => statuses.push(status));
  dispatchEvent(new Event("offline"));
  dispatchEvent(new Event("online"));
  const [{ name, example }] = welcome.extractors;
  const { users } = await session.extract({ extractor: name, input: example.input }).result;
  session.interrupt();
  dispatchEvent(new Event("online"));
  const { session: again } = await session.connected();
  session.close();
  return { users: users.length, statuses, isAnother: again !== welcome.session };
}"""
)


async def test_a_line_that_holds_is_kept_and_a_lost_one_comes_back_with_the_network(
    browser: Browser, gateway_url: str
) -> None:
    """On this machine nothing is lost when the browser is offline; with the network nobody waits for the next try."""
    page = await browser.new_page()
    await page.goto(gateway_url)
    await page.evaluate("Math.random = () => 100")  # so the wait is long
    assert await page.evaluate(_OFFLINE) == {
        "users": 4,
        "statuses": ["waiting", "connecting", "open", "closed"],
        "isAnother": True,
    }


_KEPT = (
    "async () => {"
    + _CONNECTED
    + """
  const [{ name, example }] = welcome.extractors;
  const follow = session.follow({ channel: "kept" });
  const watch = session.extract({ extractor: name, input: example.input, channel: "kept" });
  await follow[Symbol.asyncIterator]().next();
  const counts = [];
  follow.subscribe(({ extractions }) => counts.push(extractions.length));
  session.interrupt();
  await watch.result;
  for await (const { state } of follow) if (state === "completed") break;
  session.close();
  return counts;
}"""
)


async def test_what_is_followed_stays_while_the_line_is_away(browser: Browser, gateway_url: str) -> None:
    """Over a lost line the list has the running extraction all the time, so that nothing on a page flickers."""
    page = await browser.new_page()
    await page.goto(f"{gateway_url}/?play=0")
    assert set(await page.evaluate(_KEPT)) == {1}
