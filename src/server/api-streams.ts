import type { ApiStreams, ShownStream } from "../api/context.ts";
import { signLink } from "../media/http/signed-link.ts";
import type { StreamPushes } from "../media/push/stream-pushes.ts";
import { parsePushTarget } from "../media/push/target.ts";
import type { StreamInfo } from "../media/service.ts";
import { wallAhead } from "../net/clock.ts";
import { addKey, listKeys, revokeKeys } from "./key-file.ts";
import type { CoreContext } from "./service.ts";
import { stateFolder } from "./state-folder.ts";
import { streamKeys } from "./stream-keys.ts";
import { linkKeys } from "./ticket-keys.ts";

/**
 * Streams as the HTTP API has them: `streams` are those that there are, and who may publish and view stands in the state folder. `pushes`: where
 * this process has them.
 */
export function apiStreams(
  { settings, ticketKeys, now }: CoreContext,
  streams: () => readonly StreamInfo[],
  pushes?: StreamPushes,
): ApiStreams {
  const folder = stateFolder(settings.stateFolder);
  const [linkKey = new Uint8Array()] = linkKeys(ticketKeys);
  return {
    list: () => streams().map((info) => shown(info, pushes)),
    get: (name) => {
      const info = streams().find((stream) => stream.name === name);
      return info && shown(info, pushes);
    },
    keys: (name) => listKeys(streamKeys, folder).filter(({ stream }) => stream === name),
    addKey: (stream) => {
      const { key, kept } = addKey(streamKeys, folder, { stream }, now() + wallAhead());
      return { key, id: kept.id };
    },
    revokeKeys: (name, id) =>
      revokeKeys(streamKeys, folder, (key) => key.stream === name && (id === undefined || key.id === id)),
    pushes: pushes && {
      list: (name) => pushes.list(name),
      add: (name, to, token) => {
        const target = parsePushTarget(to, token);
        return target === undefined ? "no target" : pushes.add(name, target);
      },
      remove: (name, id) => pushes.remove(name, id),
    },
    link: (stream, action, expires) => signLink(linkKey, { stream, action, expires }),
  };
}

function shown({ name, live, viewers, layers, codecs }: StreamInfo, pushes?: StreamPushes): ShownStream {
  return { stream: name, live, viewers, layers, codecs, pushes: pushes?.list(name) ?? [] };
}
