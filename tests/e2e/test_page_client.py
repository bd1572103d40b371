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
