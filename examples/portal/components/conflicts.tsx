import type { Conflict } from "@/lib/form";

/** What somebody else has saved in the meantime, beside what was entered here. */
export function Conflicts({ conflicts }: { conflicts: Conflict[] }) {
  return (
    <section className="conflicts" aria-label="Differences">
      {conflicts.map(({ label, saved, yours }) => (
        <div key={label}>
          <h3>{label}</h3>
          <dl>
            <div>
              <dt>Saved now</dt>
              <dd>{saved || <em>empty</em>}</dd>
            </div>
            <div>
              <dt>Yours</dt>
              <dd>{yours || <em>empty</em>}</dd>
            </div>
          </dl>
        </div>
      ))}
    </section>
  );
}
