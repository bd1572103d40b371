/** The page's own address: which channel it follows, and the link to an extraction. */

/** What the demo page's extractions carry. */
const USUAL = "demo";
/** PROTOCOL.md §3: what a label may be at most. */
export const CHANNEL_CHARS = 200;

/** @param {string} search */
export function channelOf(search) {
  return (new URLSearchParams(search).get("channel") ?? "").trim().slice(0, CHANNEL_CHARS) || USUAL;
}

/** The address that follows this channel, all else as it is. @param {string} href @param {string} channel */
export function withChannel(href, channel) {
  const url = new URL(href);
  url.searchParams.set("channel", channel);
  return url.href;
}

/** Where the demo page shows it; relative, since the gateway may be below a path. @param {string} extraction */
export function shareLink(extraction) {
  return `./?watch=${encodeURIComponent(extraction)}`;
}
