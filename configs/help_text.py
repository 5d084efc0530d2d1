"""The texts of `--help` and `--list`, made from the schema, the registry and the experiment files."""

from collections.abc import Iterator

from configs.errors import CommandError
from configs.fields import Setting, settings, summary, type_text, value_text
from configs.layers import experiments
from configs.merge import NODES
from configs.registry import BASES, KEYS, component, names, nearest
from configs.schema import Config

USAGE = """\
usage: python train.py [experiment=NAME] [KEY=VALUE ...]
       python train.py --help [GROUP]        this text, or one group such as data or model.nmf
       python train.py --list                experiments and components
       python train.py --print-config ...    the configuration the other arguments ask for, as YAML

Settings come from the defaults below, then configs/default.yaml, then the experiment's file, then the command line.
"""

Section = tuple[str, list[Setting]]


def help_text(topic: str | None = None) -> str:
    """Return every setting with its type, default and sentence, or those of one group or key.

    Raises:
        CommandError: No setting belongs to `topic`; the message names the nearest group.
    """
    sections = list(_sections())
    if topic is not None:
        chosen = [(title, [item for item in items if _belongs(item, topic)]) for title, items in sections]
        sections = [(title, items) for title, items in chosen if items]
        if not sections:
            known = ["general", *{item.key.rpartition(".")[0] for _, items in _sections() for item in items} - {""}]
            largest = sorted({group.partition(".")[0] for group in known})  # `--help callbacks` lists those inside
            raise CommandError(f"--help {topic}: no such group{nearest(topic, known)}; groups: {', '.join(largest)}")
    blocks = [f"{title}\n" + "\n".join(map(entry, items)) for title, items in sections]
    return "\n\n".join(blocks if topic is not None else [USAGE.rstrip("\n"), *blocks])


def _sections() -> Iterator[Section]:
    every = list(settings(Config))
    yield "general", [item for item in every if "." not in item.key]
    for item in Config.__dataclass_fields__.values():
        if item.name in NODES:
            yield from _component_sections(item.name, NODES[item.name])
        elif items := [setting for setting in every if setting.key.startswith(f"{item.name}.")]:
            yield f"{item.name}: {_summary_of(item.name)}", items
    for name in names("callback"):
        config = component("callback", name).config
        yield f"callbacks.{name}: {summary(config)}", list(settings(config, f"callbacks.{name}"))


def _component_sections(node: str, kind: str) -> Iterator[Section]:
    """Yield what all components of a kind share, then what each one adds or has another default for."""
    default = getattr(Config(), node).name
    shared = list(settings(BASES[kind], node))
    common = [Setting(s.key, s.annotation, default, s.sentence) if s.key == f"{node}.name" else s for s in shared]
    yield f"{node}: {summary(BASES[kind])}", common
    known = {item.key: item.default for item in shared}
    for name in names(kind):
        config = component(kind, name).config
        own = [s for s in settings(config, node) if s.key not in known or known[s.key] != s.default]
        yield f"{node}.name={name}: {summary(config)}", [s for s in own if s.key != f"{node}.name"]


def _summary_of(group: str) -> str:
    return summary(type(getattr(Config(), group)))


def _belongs(item: Setting, topic: str) -> bool:
    return f"{item.key}.".startswith(f"{topic}.") or (topic == "general" and "." not in item.key)


def entry(item: Setting) -> str:
    """Return the help of one setting: key, type, default and sentence."""
    return f"  {item.key}: {type_text(item.annotation)} = {value_text(item.default)}\n      {item.sentence}"


def list_text() -> str:
    """Return the experiments with their purpose and command, and the components of each kind."""
    lines = ["experiments"]
    for name, path in experiments().items():
        command, purpose = [line.lstrip("# ").rstrip() for line in path.read_text(encoding="utf-8").splitlines()[:2]]
        lines += [f"  {name}", f"      {purpose}", f"      {command}"]
    for kind in BASES:
        key = f"{KEYS[kind]}.NAME.enabled=true" if kind == "callback" else f"{KEYS[kind]}=NAME"
        lines += ["", f"{kind}s ({key})"]
        lines += [f"  {name}: {summary(component(kind, name).config)}" for name in names(kind)] or ["  none"]
    return "\n".join(lines)
