/** What runs in a page: one client, native, JsSIP, SIP.js, PeerJS, stanza or a camera that only makes offers. It sends a colour and a tone, and says which it gets. */
import { Camera } from "./camera.ts";
import { type Content, content } from "./content.ts";
import { JsSipEnd } from "./jssip.ts";
import { NativeEnd } from "./native.ts";
import type { PageEnd, PageOptions } from "./page-end.ts";
import { PeerjsEnd } from "./peerjs.ts";
import { SipJsEnd } from "./sipjs.ts";
import { StanzaEnd } from "./stanza.ts";

const made = {
  native: NativeEnd,
  jssip: JsSipEnd,
  sipjs: SipJsEnd,
  peerjs: PeerjsEnd,
  stanza: StanzaEnd,
  camera: Camera,
} as const;

/** What the script adds to the window. */
export interface EndWindow {
  end: PageEnd;
  content(): Content;
  makeEnd(options: PageOptions): Promise<void>;
}

const here = window as unknown as EndWindow;
here.makeEnd = async (options) => {
  here.end = new made[options.kind](options);
  await here.end.start();
};
here.content = () => content(here.end.pc);
