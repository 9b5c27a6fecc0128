import { Type } from "typebox";
import { isId } from "../protocol/address.ts";
import { isAddressPattern } from "../protocol/address-pattern.ts";
import { defaultLimits, type Limits } from "../protocol/limits.ts";
import { IceServer, RoomPolicy } from "../protocol/values.ts";
import { limitsGroup, type SettingsOf, secret, text } from "../shared/setting.ts";

const RoomRule = Type.Object(
  {
    match: Type.String({ pattern: "^room:" }),
    ...RoomPolicy.properties,
  },
  { additionalProperties: false },
);

/** The bounds of the protocol; protocol/limits.ts says what each means. */
export const limitSettings = {
  limits: limitsGroup<Limits>(defaultLimits, "Every bound of the protocol."),
};

/** Settings of the signaling core. */
export const coreSettings = {
  node: text("", "This node's name, unique in its cluster. Empty: the host's name."),
  ticketKey: secret(
    "Seals session tickets; the same on every node. Empty: derived from `tokens.secret`, else made once and kept in `stateFolder`.",
  ),
  formerTicketKey: secret(
    "The `ticketKey` before this one: its tickets are accepted until you take it out, a day after the change.",
  ),
  stateFolder: text(
    "",
    "Folder for what must outlive the process, such as the keys of tickets. Empty: `$STATE_DIRECTORY`, `$XDG_STATE_HOME/switchboard` or `~/.local/state/switchboard`.",
  ),
  iceServers: Type.Array(IceServer, {
    default: [],
    description:
      "STUN and TURN servers that every device is told, as `RTCIceServer` objects with `urls` as a list.",
  }),
  rooms: Type.Array(RoomRule, {
    default: [],
    description:
      "Rules of rooms; the first whose `match` covers the room counts: `{match: room:visit-*, lobby, size, opens, closes}`.",
  }),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkCore(settings: SettingsOf<typeof coreSettings>): string | undefined {
  const { node, iceServers, rooms } = settings;
  if (node !== "" && !isId(node))
    return "setting node: must have 1 to 128 characters, none of them white space, / : or *";
  const wrongIce = iceServers.flatMap(({ urls }) => urls).find((url) => !/^(stun|turn)s?:\S+$/.test(url));
  if (wrongIce !== undefined) return `setting iceServers: ${wrongIce} is no stun:, turn: or turns: URL`;
  const wrong = rooms.find(({ match }) => !isAddressPattern(match));
  return wrong === undefined ? undefined : `setting rooms: ${wrong.match} is no address pattern of rooms`;
}
