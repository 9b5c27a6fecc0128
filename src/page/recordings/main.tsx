import { render } from "preact";
import { Archive } from "./archive.tsx";

const root = document.getElementById("page");
const query = new URLSearchParams(location.search);
if (root !== null)
  render(<Archive stream={query.get("stream") ?? ""} token={query.get("token") ?? undefined} />, root);
