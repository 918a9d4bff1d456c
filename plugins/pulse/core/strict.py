"""What models of the config are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

WILDCARD = "*"
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Strict(BaseModel):
    """Frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)
