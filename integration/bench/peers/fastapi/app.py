"""Lists a tenant's agents with FastAPI, SQLAlchemy, asyncpg and RLS.

    DATABASE_URL=postgres://… PORT=8083 POOL=8 python3 app.py
"""

import hashlib
import os
from datetime import datetime, timezone
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import Boolean, Column, DateTime, Text, select, text
from sqlalchemy.dialects.postgresql import UUID as PGUUID
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base

# asyncpg does not support libpq's sslmode.
url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg").difference_update_query(["sslmode"])
engine = create_async_engine(url, pool_size=int(os.environ["POOL"]), max_overflow=0)
app = FastAPI()

AUTHENTICATE = text(
    """SELECT t.status = 'active' AND session_role(:hash, t.id) IS NOT NULL
    FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id JOIN tenants t ON t.id = :tenant
    WHERE s.token_hash = :hash AND s.revoked_at IS NULL AND s.expires_at > :now AND u.disabled_at IS NULL"""
)
SET_TENANT = text("SELECT set_config('app.current_tenant', :tenant, true)")


class Agent(declarative_base()):
    __tablename__ = "agents"
    id = Column(PGUUID(as_uuid=True), primary_key=True)
    tenant_id = Column(PGUUID(as_uuid=True))
    name = Column(Text)
    role = Column(Text)
    model_preference = Column(Text)
    is_active = Column(Boolean)
    created_at = Column(DateTime(timezone=True))
    updated_at = Column(DateTime(timezone=True))


class Summary(BaseModel):
    id: UUID
    tenant_id: UUID
    name: str
    role: str
    model_preference: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    etag: str


class Page(BaseModel):
    items: list[Summary]
    next_cursor: str | None


def etag(at: datetime) -> str:
    micros, digits = (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // datetime.resolution, ""
    while micros:
        micros, digit = divmod(micros, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f'"{digits}"'


def summary(agent: Agent) -> Summary:
    return Summary(etag=etag(agent.updated_at), **{c.name: getattr(agent, c.name) for c in Agent.__table__.c})


@app.get("/v1/tenants/{tenant}/agents", response_model=Page)
async def agents(tenant: UUID, limit: int = Query(50, ge=1, le=200), authorization: str = Header()) -> Page:
    hashed = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    async with AsyncSession(engine) as session:
        known = {"tenant": tenant, "hash": hashed, "now": datetime.now(timezone.utc)}
        async with session.begin():
            if not (await session.execute(AUTHENTICATE, known)).scalar():
                raise HTTPException(401)
        async with session.begin():
            await session.execute(SET_TENANT, {"tenant": str(tenant)})
            query = select(Agent).where(Agent.tenant_id == tenant).order_by(Agent.id).limit(limit + 1)
            rows = (await session.execute(query)).scalars().all()
            items = [summary(a) for a in rows]
    return Page(items=items[:limit], next_cursor=str(items[limit - 1].id) if len(items) > limit else None)


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
