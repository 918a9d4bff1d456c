"""What a platform is asked, apart from who asks."""

from collections.abc import Mapping, Sequence

# The query of an address. It is sealed with the answer, so no secret may stand in it.
Params = Mapping[str, str | int | Sequence[str | int]]
