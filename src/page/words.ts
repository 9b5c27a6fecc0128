import type { CameraTrouble, Ending, Model, SignInProblem } from "./state.ts";

export interface Sentence {
  readonly title: string;
  readonly advice: string;
}

export function describeEnding(ending: Ending, peer: string, device = "another device"): Sentence {
  switch (ending.kind) {
    case "offline":
      return { title: `${peer} is offline`, advice: "None of their devices is online." };
    case "busy":
      return { title: `${peer} is busy`, advice: "Try again in a while." };
    case "declined":
      return { title: `${peer} declined`, advice: "They turned the call down." };
    case "unanswered":
      return { title: `${peer} did not answer`, advice: "It rang until the time was up." };
    case "no-path":
      return {
        title: "No path for the media",
        advice:
          "Neither direct nor TURN got through: a firewall may stop UDP at one end. Another network, or a TURN server on port 443, helps.",
      };
    case "lost":
      return { title: `${peer}’s connection was lost`, advice: "The other end has not come back." };
    case "moved":
      return { title: `Moved to your ${device}`, advice: `You and ${peer} are still talking there.` };
    case "refused":
      return { title: "The call could not be made", advice: ending.text };
  }
}

export function describeProblem(problem: SignInProblem): string {
  switch (problem.kind) {
    case "name":
      return `The server refused this name${problem.text ? `: ${problem.text}` : ""}. Use up to 128 letters, digits or symbols, without spaces, / : or *.`;
    case "token":
      return `The server refused this token${problem.text ? `: ${problem.text}` : ""}. Ask whoever runs it for a new one.`;
    case "wants-token":
      return "This server has keys and takes no plain names. Paste a token; “switchboard token --user alice” prints one.";
    case "ended":
      return `The server ended this sign-in${problem.text ? `: ${problem.text}` : ""}. Go online again, or ask whoever runs it.`;
    case "origin":
      return `The server does not accept this page${problem.text ? `: ${problem.text}` : ""}. In development it accepts pages of localhost only: open the page there.`;
  }
}

export function describeTrouble(trouble: CameraTrouble): Sentence & { readonly how: string } {
  switch (trouble) {
    case "refused":
      return {
        title: "The camera is blocked",
        advice: "The browser is set not to give this page the camera or the microphone.",
        how: "Click the icon left of the address, set camera and microphone to “Allow”, then try again.",
      };
    case "busy":
      return {
        title: "The camera is in use",
        advice: "Another program or tab is using it.",
        how: "Close the other program, or stop its camera, then try again.",
      };
    case "none":
      return {
        title: "There is no camera here",
        advice: "This device has neither camera nor microphone that the browser can see.",
        how: "Plug one in, then try again. A system setting may also hide it from the browser.",
      };
    case "insecure":
      return {
        title: "No camera on plain http",
        advice: "Browsers give pages a camera only over https or on localhost.",
        how: "Open the page as https://… or, on the server’s own machine, as http://localhost.",
      };
  }
}

/** What screen readers are told of a state (the polite live region). Never a clock: it would be read out every second. */
export function announce({ scene, ring, link }: Model): string {
  if (ring !== undefined) return "";
  if (!link.up && scene.at !== "signed-out") return "The server can’t be reached. Trying again.";
  switch (scene.at) {
    case "signed-out":
      return scene.problem === undefined ? "" : describeProblem(scene.problem);
    case "going-online":
      return "Going online";
    case "directory":
      return "Online";
    case "asking":
      return "The browser asks for the camera";
    case "no-camera":
      return describeTrouble(scene.trouble).title;
    case "calling":
      return scene.ringing.length === 0
        ? `Calling ${scene.peer}`
        : `Ringing ${scene.peer}: ${scene.ringing.join(", ")}`;
    case "talking":
      if (scene.lost !== undefined) return "The picture is lost. Looking for a new path.";
      return scene.since === undefined ? `${scene.peer} answered` : `Connected with ${scene.peer}`;
    case "over":
      return describeEnding(scene.ending, scene.peer, scene.device).title;
    case "replaced":
      return "This page is open in another window";
  }
}

/** The document's title. It shows an incoming call in the tab strip. */
export function titleOf({ scene, ring }: Model): string {
  if (ring !== undefined) return `☎ ${ring.from}`;
  return scene.at === "calling" || scene.at === "talking" ? `${scene.peer} · Switchboard` : "Switchboard";
}

/** Minutes and seconds: `2:04`, `1:02:04`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}
