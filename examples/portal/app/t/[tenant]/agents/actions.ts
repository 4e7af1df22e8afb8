"use server";

import { ifMatch, isProblem, unwrap } from "@konstruct/client";

import { change, once } from "@/lib/action";
import { agentOf, changes, conflictsOf, fieldsOf, valuesOf, type AgentFields } from "@/lib/agent";
import { refused, text, type FormState } from "@/lib/form";

const pathOf = (form: FormData) => ({ tenant_id: text(form, "tenant"), agent_id: text(form, "agent") });
const listOf = (form: FormData) => `/t/${text(form, "tenant")}/agents`;

export async function createAgent(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const { agent, faults } = agentOf(form);
    if (Object.keys(faults).length > 0) {
      return refused(form, faults);
    }
    const { model_preference, ...rest } = agent;
    const body = { ...rest, ...(model_preference ? { model_preference } : {}) };
    const { data } = await once(form, (header) =>
      unwrap(client.POST("/v1/tenants/{tenant_id}/agents", { params: { path: pathOf(form), header }, body })),
    );
    return `${listOf(form)}/${data.id}?done=created`;
  });
}

/** Saves the fields that differ from the version on which the form is based. */
export async function updateAgent(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const { agent: yours, faults } = agentOf(form);
    if (Object.keys(faults).length > 0) {
      return { ...refused(form, faults), data: { base: text(form, "base"), etag: text(form, "etag") } };
    }
    const base = JSON.parse(text(form, "base")) as AgentFields;
    const body = changes(base, yours);
    const params = { path: pathOf(form) };
    try {
      const header = ifMatch(text(form, "etag"));
      await unwrap(client.PATCH("/v1/tenants/{tenant_id}/agents/{agent_id}", { params: { ...params, header }, body }));
      return { notice: "Agent saved." };
    } catch (error) {
      if (!isProblem(error, "precondition_failed")) {
        throw error;
      }
      const saved = await unwrap(client.GET("/v1/tenants/{tenant_id}/agents/{agent_id}", { params }));
      const now = fieldsOf(saved.data);
      return {
        error:
          "Somebody else has saved this agent since you opened it. Your changes are kept in the form below, and " +
          "theirs in all other fields. Compare the differences, then save again.",
        conflicts: conflictsOf(base, now, yours),
        values: valuesOf({ ...now, ...body }),
        data: { base: JSON.stringify(now), etag: saved.etag ?? "" },
      };
    }
  });
}

export async function setActive(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(
      client.PATCH("/v1/tenants/{tenant_id}/agents/{agent_id}", {
        params: { path: pathOf(form), header: ifMatch(text(form, "etag")) },
        body: { is_active: text(form, "active") === "true" },
      }),
    );
    return {};
  });
}

export async function duplicateAgent(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const name = text(form, "name");
    const { data } = await once(form, (header) =>
      unwrap(
        client.POST("/v1/tenants/{tenant_id}/agents/{agent_id}/duplicate", {
          params: { path: pathOf(form), header },
          body: name ? { name } : {},
        }),
      ),
    );
    return `${listOf(form)}/${data.id}?done=duplicated`;
  });
}

export async function deleteAgent(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const header = ifMatch(text(form, "etag"));
    await unwrap(
      client.DELETE("/v1/tenants/{tenant_id}/agents/{agent_id}", { params: { path: pathOf(form), header } }),
    );
    return `${listOf(form)}?done=deleted`;
  });
}
