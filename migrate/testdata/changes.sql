-- Drop index "notes_unique" from table: "notes"
DROP INDEX "notes_unique";

-- Modify "notes" table
ALTER TABLE "notes" DROP CONSTRAINT "notes_slug_known", ADD CONSTRAINT "notes_slug_known" CHECK (slug = ANY (ARRAY['a'::text, 'b'::text, 'c'::text])), ADD CONSTRAINT "notes_slug_short" CHECK (length(slug) < 9), ALTER COLUMN "slug" SET DEFAULT 'b', ALTER COLUMN "size" TYPE bigint, ALTER COLUMN "body" DROP NOT NULL;

-- Create index "notes_unique" to table: "notes"
CREATE UNIQUE INDEX "notes_unique" ON "notes" ("tenant_id", "slug") WHERE (slug <> 'b'::text);
