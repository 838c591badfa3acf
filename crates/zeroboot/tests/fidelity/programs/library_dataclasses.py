# long: yes
import dataclasses
import enum
import typing


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass(order=True, frozen=True)
class Point:
    x: int
    y: typing.Optional[float] = None
    tags: list = dataclasses.field(default_factory=list, compare=False)


print(Point(1), Point(1) < Point(2), dataclasses.asdict(Point(1, 2.0)), Color.RED, typing.get_type_hints(Point))
Point(1).x = 2
