import { render } from "preact";
import { App } from "./app.tsx";
import { callee, framesOf, over, restarted, ringing, signedIn, talking } from "./gallery-frames.ts";
import { noFrames } from "./ladder-model.ts";
import { type Actions, createPage, type Page, silent } from "./page.ts";
import type { CameraTrouble, Ending, Model, Ring, Scene } from "./state.ts";
import { startTestPicture } from "./test-picture.ts";

/**
 * Every state of the page with sample data, for developers: `gallery.html?state=in-call`. Without a state it lists them all.
 * Not shipped.
 */
const laptop = { id: "d-lap", label: "Chrome on Linux" };
const phone = { id: "d-pho", label: "Safari on iPhone" };
const ring: Ring = { from: "bob", device: "Safari on iPhone", video: true, answering: false };
const up = { up: true } as const;
const inCall: Scene = { at: "talking", peer: "bob", device: "Chrome on Linux", since: Date.now() - 134_000 };

const at = (scene: Scene, rest: Partial<Model> = {}): Model => ({ scene, link: up, ...rest });
const ended = (ending: Ending, device?: string): Model =>
  at({ at: "over", peer: "bob", ending, ...(device === undefined ? {} : { device }) });
const noCamera = (trouble: CameraTrouble): Model =>
  at({ at: "no-camera", purpose: "call", peer: "bob", trouble });

interface Sample {
  readonly model: Model;
  readonly set?: (page: Page) => void;
}

const people = (page: Page) => {
  page.people.value = [
    { user: "bob", devices: [laptop, phone], talking: false },
    { user: "carol", devices: [{ id: "x", label: "Firefox on Windows" }], talking: true },
    {
      user: "konstantin-alexander.von-habsburg",
      devices: [{ id: "y", label: "Edge on Windows" }],
      talking: false,
    },
  ];
};
const calling = (page: Page) => {
  people(page);
  own(page);
  page.frames.value = framesOf(ringing);
};
const withCall = (page: Page) => {
  people(page);
  own(page);
  page.mine.value = [{ id: "d-two", label: "Firefox on Android" }];
  page.frames.value = framesOf(talking);
  page.quality.value = { path: "direct", delay: 12, loss: 0.002, bitrate: [1_240_000, 980_000] };
  page.remote.value = { ...page.remote.value, stream: picture("bob") };
};
const own = (page: Page) => {
  page.own.value = {
    ...silent,
    stream: picture("alice"),
    source: "test",
    cameras: [
      { id: "c1", label: "FaceTime HD Camera" },
      { id: "c2", label: "Logitech StreamCam" },
    ],
  };
};

const samples: Record<string, Sample> = {
  "signed-out": { model: at({ at: "signed-out" }) },
  "going-online": { model: at({ at: "going-online" }) },
  "name-refused": {
    model: at({ at: "signed-out", problem: { kind: "name" } }),
    set: (page) => (page.name.value = "al ice"),
  },
  "wants-token": { model: at({ at: "signed-out", problem: { kind: "wants-token" } }) },
  nobody: {
    model: at({ at: "directory" }),
    set: (page) => {
      page.frames.value = framesOf(signedIn, [], false);
    },
  },
  directory: {
    model: at({ at: "directory" }),
    set: (page) => {
      people(page);
      page.chosen.value = "bob";
      page.mine.value = [{ id: "d-two", label: "Firefox on Android" }];
      page.frames.value = framesOf(signedIn, [], false);
    },
  },
  preview: {
    model: at({ at: "directory" }),
    set: (page) => {
      people(page);
      own(page);
    },
  },
  crowd: { model: at({ at: "directory" }), set: (page) => (page.crowd.value = 214) },
  note: {
    model: at({ at: "directory" }),
    set: (page) => {
      people(page);
      page.note.value = { text: "bob is free now.", act: { label: "Call", run: () => undefined } };
    },
  },
  asking: { model: at({ at: "asking", purpose: "call", peer: "bob" }), set: people },
  outgoing: {
    model: at({ at: "calling", peer: "bob", ringing: ["Chrome on Linux", "Safari on iPhone"] }),
    set: calling,
  },
  looking: {
    model: at({ at: "calling", peer: "bob", ringing: [] }),
    set: (page) => {
      calling(page);
      page.frames.value = framesOf(ringing.slice(0, 1));
    },
  },
  incoming: {
    model: at({ at: "directory" }, { ring }),
    set: (page) => {
      people(page);
      page.mine.value = [phone];
    },
  },
  "incoming-move": {
    model: at({ at: "directory" }, { ring: { ...ring, movedFrom: "Firefox on Android" } }),
    set: people,
  },
  "incoming-in-call": { model: at(inCall, { ring: { ...ring, from: "carol" } }), set: withCall },
  "in-call": {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.chat.value = [
        { id: 1, mine: false, text: "Hello! Can you see me?", state: "sent" },
        {
          id: 2,
          mine: true,
          text: "Yes, sharp as a tack. Have a look at the ladder on the right.",
          state: "sent",
        },
        { id: 3, mine: true, text: "One moment", state: "undelivered" },
      ];
    },
  },
  "both-ends": {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.frames.value = framesOf(talking, callee);
    },
  },
  relayed: {
    model: at({ ...inCall, device: "Safari on iPhone" }),
    set: (page) => {
      withCall(page);
      page.frames.value = framesOf(restarted);
      page.quality.value = { path: "relay", delay: 310, loss: 0.03, bitrate: [240_000, 180_000] };
      page.own.value = { ...page.own.value, soundOff: true, pictureOff: true };
      page.remote.value = { ...page.remote.value, soundOff: true, pictureOff: true };
    },
  },
  connecting: {
    model: at({ at: "talking", peer: "bob", device: "Chrome on Linux" }),
    set: (page) => {
      withCall(page);
      page.quality.value = undefined;
      page.frames.value = framesOf(talking.slice(0, 9));
    },
  },
  "link-lost": {
    model: { scene: inCall, link: { up: false, again: Date.now() + 3_400 } },
    set: withCall,
  },
  "media-lost": {
    model: at({ ...inCall, lost: { at: Date.now() - 4_200, whose: "theirs" } } as Scene),
    set: withCall,
  },
  moving: {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.moving.value = "Firefox on Android";
    },
  },
  screen: {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.remote.value = { ...page.remote.value, screen: picture("screen") };
      page.own.value = { ...page.own.value, sharing: true };
    },
  },
  "sheet-ladder": {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.sheet.value = "ladder";
    },
  },
  "sheet-chat": {
    model: at(inCall),
    set: (page) => {
      withCall(page);
      page.sheet.value = "chat";
      page.unread.value = 2;
    },
  },
  moved: { model: ended({ kind: "moved" }, "Firefox on Android"), set: people },
  "server-away": {
    model: { scene: { at: "directory" }, link: { up: false, again: Date.now() + 3_400 } },
    set: people,
  },
  "camera-refused": { model: noCamera("refused"), set: people },
  "camera-busy": { model: noCamera("busy"), set: people },
  "camera-none": { model: noCamera("none"), set: people },
  "camera-insecure": { model: noCamera("insecure"), set: people },
  offline: { model: ended({ kind: "offline" }), set: people },
  busy: { model: ended({ kind: "busy" }), set: people },
  declined: { model: ended({ kind: "declined" }), set: people },
  unanswered: { model: ended({ kind: "unanswered" }), set: people },
  "answered-elsewhere": {
    model: at({ at: "directory" }),
    set: (page) => {
      people(page);
      page.note.value = { text: "Answered on Safari on iPhone" };
    },
  },
  "no-path": {
    model: ended({ kind: "no-path" }),
    set: (page) => {
      people(page);
      page.frames.value = framesOf(talking.slice(0, -1));
    },
  },
  lost: { model: ended({ kind: "lost" }), set: people },
  ended: {
    model: at({ at: "directory" }),
    set: (page) => {
      people(page);
      page.frames.value = framesOf(over);
    },
  },
  replaced: { model: at({ at: "replaced" }), set: people },
};

function picture(name: string): MediaStream {
  return startTestPicture(name).stream;
}

const nothing = new Proxy({} as Actions, { get: () => () => undefined });
const name = new URLSearchParams(location.search).get("state");
const sample = name === null ? undefined : samples[name];
const root = document.getElementById("page");
if (root !== null && sample !== undefined) {
  const page = createPage(sample.model);
  page.frames.value = noFrames;
  const signedOut = sample.model.scene.at === "signed-out" || sample.model.scene.at === "going-online";
  if (!signedOut) page.me.value = { user: "alice", device: "d-one", label: "Chrome on macOS" };
  sample.set?.(page);
  render(<App page={page} act={nothing} />, root);
} else if (root !== null) {
  render(
    <ul>
      {Object.keys(samples).map((state) => (
        <li key={state}>
          <a href={`?state=${state}`}>{state}</a>
        </li>
      ))}
    </ul>,
    root,
  );
}
