
// Behind a component that docs/react.md shows.
import { createRoot } from "react-dom/client";

const saved = [];
const parsed = [];
const root = createRoot(document.getElementById("root"));
const listeners = {
  onSaved: (value) => saved.push(value),
  onParsed: (value) => (document.documentElement.dataset.parsed = String(parsed.push(value))),
};

globalThis.stage = {
  session,
  saved,
  parsed,
  render: (props) => root.render(<Component {...listeners} {...props} />),
};
