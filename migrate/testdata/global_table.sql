-- Create "plans" table
CREATE TABLE "plans" (
  "id" uuid NOT NULL,
  "name" text NOT NULL,
  PRIMARY KEY ("id")
);

-- plans: products, the same for all tenants
GRANT SELECT, INSERT, UPDATE, DELETE ON "plans" TO "konstruct_app";
