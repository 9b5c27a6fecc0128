import { useSignal } from "@preact/signals";
import { type Role, roles } from "../../api/scopes.ts";
import type { Console, Scope } from "./console.ts";
import { Answered, List, Name, Title } from "./list.tsx";
import { usePolled } from "./polled.ts";
import { momentText, plain } from "./text.ts";

const day = 86_400_000;

/** What a role is, in words. */
const words = {
  look: "sees everything but keys, changes nothing",
  operate: "ends and moves calls, kicks devices, ends streams, moderates rooms",
  administer: "everything, keys, webhooks and the server itself included",
} as const satisfies Record<Role, string>;

/** API keys: they are shown once, when they are made. */
export function Keys({ owner }: { owner: Console }) {
  const polled = usePolled(owner, "keys", (api) => api.listApiKeys(), 5_000);
  const made = useSignal<{ readonly name: string; readonly key: string } | undefined>(undefined);
  return (
    <>
      <Title>API keys</Title>
      {made.value !== undefined && (
        <section class="panel-card fresh" aria-label="The new key">
          <p>
            The key <Name of={made.value.name} />. It is shown this once; only its hash is kept.
          </p>
          <code class="secret">{made.value.key}</code>
          <p class="actions start">
            <button
              type="button"
              class="button small primary"
              onClick={() => {
                void navigator.clipboard
                  .writeText(made.value?.key ?? "")
                  .then(() => owner.say("The key is on the clipboard."));
              }}
            >
              Copy
            </button>
            <button
              type="button"
              class="button small"
              onClick={() => {
                made.value = undefined;
              }}
            >
              I have kept it
            </button>
          </p>
        </section>
      )}
      {owner.may("keys:write") && (
        <NewKey
          owner={owner}
          made={(name, key) => {
            made.value = { name, key };
          }}
        />
      )}
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty="There is no key yet. In production the API and this console need one."
      >
        {({ items }) => (
          <List
            label="Keys"
            entries={items}
            keyOf={({ id }) => id}
            columns={[
              ["Name", ({ name }) => <Name of={name} />, "wide"],
              ["Id", ({ id }) => <code>{id}</code>],
              ["May", ({ scopes }) => scopesText(scopes)],
              ["Made", ({ created }) => momentText(created, Date.now())],
              ["Ends", ({ expires }) => endText(expires)],
            ]}
            actions={({ id, name }) =>
              owner.may("keys:write") && (
                <button
                  type="button"
                  class="button small"
                  onClick={() => {
                    owner.question.value = {
                      title: `Revoke the key ${name}?`,
                      text: "Whoever uses it is refused at once.",
                      yes: "Revoke",
                      run: () =>
                        void owner.act(`${name} is revoked.`, (api) => api.revokeApiKey({ key: id })),
                    };
                  }}
                >
                  Revoke<span class="sr"> {plain(name)}</span>
                </button>
              )
            }
          />
        )}
      </Answered>
    </>
  );
}

function NewKey({ owner, made }: { owner: Console; made: (name: string, key: string) => void }) {
  const name = useSignal("");
  const role = useSignal<Role>("look");
  const days = useSignal("365");
  const standing = owner.standing.value;
  const own = standing.at === "signed-in" ? standing.key.scopes : [];
  const submit = async (event: Event) => {
    event.preventDefault();
    const expires = days.value === "" ? {} : { expires: Date.now() + Number(days.value) * day };
    // A key can give no scope that it lacks itself.
    const scopes = roles[role.value].filter((scope) => own.includes(scope));
    const input = { name: name.value.trim(), scopes, ...expires };
    const answer = await owner.act("", (api) => api.createApiKey(input));
    if (answer === undefined) return;
    made(input.name, answer.key);
    name.value = "";
  };
  return (
    <form class="panel-card new-key" onSubmit={(event) => void submit(event)} aria-label="New key">
      <label class="filter">
        <span>Name</span>
        <input
          class="input"
          required
          maxLength={64}
          autocomplete="off"
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
      </label>
      <label class="filter">
        <span>Role</span>
        <select
          class="input"
          value={role.value}
          onChange={(event) => {
            role.value = event.currentTarget.value as Role;
          }}
        >
          {Object.keys(words).map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label class="filter">
        <span>Ends after</span>
        <select
          class="input"
          value={days.value}
          onChange={(event) => {
            days.value = event.currentTarget.value;
          }}
        >
          <option value="1">a day</option>
          <option value="30">30 days</option>
          <option value="365">a year</option>
          <option value="">never</option>
        </select>
      </label>
      <button type="submit" class="button primary">
        Make a key
      </button>
      <p class="muted small">
        {role.value}: {words[role.value]}.
      </p>
    </form>
  );
}

/** The role that has just these scopes, else what may be changed. */
function scopesText(scopes: readonly Scope[]): string {
  for (const [role, its] of Object.entries(roles))
    if (its.length === scopes.length && its.every((scope) => scopes.includes(scope))) return role;
  const writes = scopes.filter((scope) => scope.endsWith(":write"));
  if (writes.length === 0) return `look at ${scopes.map(subjectOf).join(", ")}`;
  return `change ${writes.map(subjectOf).join(", ")}`;
}

/** `devices` of `devices:write`. */
const subjectOf = (scope: Scope): string => scope.split(":")[0] ?? scope;

function endText(expires: number | undefined): string {
  if (expires === undefined) return "never";
  return expires <= Date.now() ? "has ended" : new Date(expires).toLocaleDateString();
}
