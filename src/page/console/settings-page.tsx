import { useSignal } from "@preact/signals";
import type { Console } from "./console.ts";
import { Answered, Choice, Filter, List, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { clip } from "./text.ts";

/** The settings in force at a node; secrets are not among them. */
export function SettingsPage({ owner }: { owner: Console }) {
  const { query } = owner.place.value;
  const all = useSignal(false);
  const nodes = usePolled(owner, "nodes", (api) => api.listNodes(), 5_000).value?.items ?? [];
  const node = query.node || nodes[0]?.node;
  const polled = usePolled(
    owner,
    `settings ${node}`,
    async (api) => (node === undefined ? undefined : await api.listSettings({ node })),
    node === undefined ? 500 : 10_000,
  );
  const named = query.name?.toLowerCase() ?? "";
  return (
    <>
      <Title
        beside={
          <div class="filters">
            {nodes.length > 1 && (
              <Choice
                label="Node"
                value={node}
                values={nodes.map((one) => [one.node, one.node] as const)}
                set={(value) => {
                  location.hash = placeHref("settings", undefined, { ...query, node: value });
                }}
              />
            )}
            <Filter
              label="Name"
              value={query.name}
              set={(value) => {
                location.hash = placeHref("settings", undefined, { ...query, name: value });
              }}
            />
            <Choice
              label="Show"
              value={all.value ? "all" : ""}
              values={[
                ["", "those that are set"],
                ["all", "all"],
              ]}
              set={(value) => {
                all.value = value !== "";
              }}
            />
          </div>
        }
      >
        Settings
      </Title>
      <Answered polled={polled} isEmpty={() => false} empty="">
        {(answer) => (
          <List
            label="Settings"
            entries={(answer?.items ?? []).filter(
              ({ path, given }) => (all.value || given || named !== "") && path.toLowerCase().includes(named),
            )}
            keyOf={({ path }) => path}
            columns={[
              ["Setting", ({ path }) => <code>{path}</code>, "wide"],
              ["Value", ({ value }) => <code class="value">{clip(value, 400)}</code>, "wide"],
              ["From", ({ given }) => (given ? "set" : "default")],
            ]}
          />
        )}
      </Answered>
    </>
  );
}
