import { render } from "preact";
import { BroadcastApp } from "./broadcast-app.tsx";
import { Studio } from "./studio.ts";

const studio = new Studio();
const root = document.getElementById("page");
const asked = new URLSearchParams(location.search);
studio.user.value = asked.get("as") ?? remembered("switchboard.name") ?? "alice";
studio.stream.value = asked.get("stream") ?? remembered("switchboard.stream") ?? "lobby";
if (root !== null) render(<BroadcastApp studio={studio} />, root);

function remembered(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}
