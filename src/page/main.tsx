import { render } from "preact";
import { App } from "./app.tsx";
import { createPage } from "./page.ts";
import { Session } from "./session.ts";

const page = createPage();
const session = new Session(page);
const as = new URLSearchParams(location.search).get("as");
const root = document.getElementById("page");

page.name.value = as ?? remembered() ?? "alice";
if (root !== null) render(<App page={page} act={session} />, root);
if (as !== null) session.goOnline(as, "name");

function remembered(): string | undefined {
  try {
    return localStorage.getItem("switchboard.name") ?? undefined;
  } catch {
    return undefined;
  }
}
