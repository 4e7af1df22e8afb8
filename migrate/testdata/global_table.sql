-- Create "plans" table
CREATE TABLE "plans" (
  "id" uuid NOT NULL,
  "name" text NOT NULL,
  PRIMARY KEY ("id")
);

-- plans: everybody may see what can be bought
GRANT SELECT, INSERT, UPDATE, DELETE ON "plans" TO "konstruct_app";
