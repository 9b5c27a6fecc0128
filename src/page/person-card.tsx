import { useSignal } from "@preact/signals";
import { Card, type Choice } from "./card.tsx";
import { deviceList } from "./directory.tsx";
import { LastCall } from "./last-call.tsx";
import { type Actions, chosenPerson, myName, type Page, type Person } from "./page.ts";
import { Picture } from "./picture.tsx";

/** What is shown while there is no call: the chosen person, or how to find one. */
export function DirectoryStage({ page, act }: { page: Page; act: Actions }) {
  const person = chosenPerson(page);
  if (person !== undefined) return <PersonCard page={page} act={act} person={person} />;
  return page.crowd.value === undefined ? <Nobody page={page} /> : <ByName page={page} act={act} />;
}

function callChoices(act: Actions, user: string): readonly Choice[] {
  return [
    ["Call", () => act.call(user, true), "primary", "camera"],
    ["Audio only", () => act.call(user, false), undefined, "handset"],
  ];
}

function PersonCard({ page, act, person }: { page: Page; act: Actions; person: Person }) {
  const { stream, source } = page.own.value;
  const on = person.devices.length === 1 ? "On " : `On ${person.devices.length} devices: `;
  return (
    <Card
      from={myName(page)}
      to={person.user}
      line="idle"
      instead={
        stream && (
          <div class="preview">
            <Picture stream={stream} muted mirrored={source === "camera"} label="Your picture" />
          </div>
        )
      }
      title={person.user}
      text={person.talking ? "In a call just now" : on + deviceList(person.devices)}
      choices={callChoices(act, person.user)}
    >
      <button type="button" class="link" onClick={() => act.preview(stream === undefined)}>
        {stream === undefined ? "See yourself first" : "Camera off"}
      </button>
      <LastCall page={page} text="The last call in the console" />
    </Card>
  );
}

/** Nobody else is online: offers a second tab. */
function Nobody({ page }: { page: Page }) {
  const me = myName(page);
  const other = me === "bob" ? "alice" : "bob";
  return (
    <Card
      from={me}
      to={other}
      line="idle"
      title="Nobody else here"
      text="A second tab can be the other end. Put the two windows side by side."
      choices={[]}
    >
      <a class="button primary" href={`?as=${other}`} target="_blank" rel="noopener">
        Open a second tab as {other}
      </a>
      <LastCall page={page} text="The last call in the console" />
    </Card>
  );
}

/** So many users are online that the server tells only how many. */
function ByName({ page, act }: { page: Page; act: Actions }) {
  const name = useSignal("");
  const to = name.value.trim();
  return (
    <Card
      from={myName(page)}
      to={to}
      line="idle"
      title="Call somebody by name"
      text={
        <input
          class="input"
          aria-label="Name"
          placeholder="Name"
          autocapitalize="none"
          spellcheck={false}
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
      }
      choices={to === "" ? [] : callChoices(act, to)}
    />
  );
}
