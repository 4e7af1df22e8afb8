SET ROLE konstruct_owner;
CREATE SCHEMA hidden;
CREATE FUNCTION hidden.f(text) RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT true';
CREATE FUNCTION hidden.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.is_admin := true; RETURN NEW; END';
