import { render } from "preact";
import { base } from "../base.ts";
import { Chooser } from "./chooser.tsx";
import { Player } from "./player.tsx";
import { watch } from "./watching.ts";

const root = document.getElementById("page");
const stream = nameIn(location.href.slice(base.length));
// A signed link is `/live/NAME?token=…`.
const token = new URLSearchParams(location.search).get("token") ?? undefined;

if (root !== null)
  render(stream === undefined ? <Chooser /> : <Player watching={watch(stream, token)} />, root);

function nameIn(path: string): string | undefined {
  const [, written] = /^\/live\/([^/?#]+)/.exec(path) ?? [];
  try {
    return written === undefined ? undefined : decodeURIComponent(written);
  } catch {
    return undefined;
  }
}
