"""The wording of the made-up world: themes, and sentences whose sentiment nobody can mistake.

Every sentence is plain English and belongs to one mood. Neutral ones hold no word that a sentiment lexicon knows;
positive and negative ones hold several of one side and never a negation. All names of products are invented.
"""

import random
from dataclasses import dataclass
from typing import Literal

Mood = Literal["positive", "neutral", "negative"]
Intent = Literal["talk", "question", "request", "praise", "complaint"]


@dataclass(frozen=True)
class Theme:
    """What one community talks about; all phrases are neutral.

    Attributes:
        brand: who makes the things, or how the community calls itself.
        items: things, fit for "my …". parts: fit for "the … of my …". doings: fit for "I use it for …".
        places: fit for the end of a sentence. asks: what people want, with its article.
        tags: flairs of posts.
    """

    name: str
    brand: str
    items: tuple[str, ...]
    parts: tuple[str, ...]
    doings: tuple[str, ...]
    places: tuple[str, ...]
    asks: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A written text.

    Attributes:
        title: None for a comment. body: empty for a link.
        ask: what is asked for, when the intent is a request.
    """

    title: str | None
    body: str
    intent: Intent
    ask: str | None = None


THEMES: dict[str, Theme] = {
    theme.name: theme
    for theme in (
        Theme(
            "tea kettles",
            "Emberwell",
            ("Emberwell One", "Emberwell Mini", "Emberwell Pour", "gooseneck kettle", "Emberwell Två", "travel kettle"),
            ("lid", "spout", "handle", "base plate", "temperature dial", "water filter", "power cord", "inner coating"),
            ("oolong", "the morning pot", "green tea at 75 °C", "two cups of sencha", "matcha", "a pot of Darjeeling"),
            ("in the office kitchen", "on the second shelf", "next to the sink", "at my desk", "in the camper van"),
            ("a longer power cord", "a dial with steps of one degree", "a matte green version", "a spare lid",
             "a keep-hot timer", "a filter that fits the Mini", "a quieter beep"),
            ("Question", "Photo", "Setup", "Feature idea", "Review"),
        ),
        Theme(
            "trail running shoes",
            "Ridgehopper",
            ("Ridgehopper 3", "Scree Lite", "Fernline Dry", "Ridgehopper 4", "Tarn Racer", "Fernline Wide"),
            ("heel cup", "outsole", "toe box", "tongue", "laces", "midsole", "insole", "heel loop"),
            ("the loop around the reservoir", "12 km on forest roads", "night runs", "the Tuesday hill session",
             "a 50 km course", "long runs on wet roots"),
            ("on the ridge path", "along the river", "in the car park", "above the tree line", "near the old quarry"),
            ("a wide version", "a version with a 6 mm offset", "a pull tab at the heel", "half sizes above 46",
             "a reflective lace", "a rock plate"),
            ("Shoe Question", "Route", "Gear", "Race Report", "Size & Fit"),
        ),
        Theme(
            "home baking",
            "Crumb Club",
            ("rye loaf", "sourdough starter", "brioche", "focaccia", "pâte fermentée", "cinnamon knots", "oat loaf"),
            ("crust", "crumb", "dough", "scoring", "bottom", "second rise", "bulk stage", "lamination"),
            ("the Sunday bake", "a tray of rolls", "school lunches", "the village fête", "two loaves a week"),
            ("in a Dutch oven", "on a baking stone", "in the fridge overnight", "at 230 °C", "on the middle rack"),
            ("a table of water-to-flour ratios", "a weekly bake-along", "a list of mills by country", "a recipe index",
             "a guide to rye flour", "a thread for oven settings"),
            ("Recipe", "Help Wanted", "Crumb Shot", "Technique", "First Loaf"),
        ),
        Theme(
            "film cameras",
            "Shutter Attic",
            ("Okari 35", "Velt TLR", "Parcel Box", "Okari 35 Mk II", "Mirela folding camera", "Velt Reflex II"),
            ("shutter", "film door", "rangefinder patch", "winding lever", "take-up spool", "lens ring", "viewfinder"),
            ("street photos", "two rolls a month", "portraits", "a walk at dusk", "the family album"),
            ("in the darkroom", "at 1/60 s and f/8", "by the window", "on the tram", "at the flea market"),
            ("a list of repair shops", "a table of serial codes", "a monthly print swap", "a lab comparison",
             "a thread for light meters", "a guide to foam seals"),
            ("Question", "Repair", "Scan", "Identification", "Darkroom"),
        ),
        Theme(
            "fountain pens",
            "Ink and Nib",
            ("Halden 12", "Corvin Pocket", "Halden Fjord-Blå", "Meridian Quill", "piston filler", "Corvin Desk Pen"),
            ("nib", "feed", "converter", "cap", "clip", "barrel", "section"),
            ("daily notes", "letters", "the reading journal", "sketches", "a page of copy a day"),
            ("on cotton paper", "at work", "in a dotted notebook", "on the train", "with iron gall ink"),
            ("an extra-fine nib", "a larger converter", "an ink swap thread", "a table of nib widths", "a steel clip"),
            ("Ink", "Nib", "Paper", "Handwriting", "Question"),
        ),
        Theme(
            "balcony gardening",
            "Balcony Greens",
            ("tomato pot", "herb box", "rail planter", "chili plant", "strawberry tower", "bean trellis", "wormery"),
            ("soil mix", "saucer", "bottom leaves", "roots", "drip line", "first flowers", "stem"),
            ("basil and mint", "a row of radishes", "cut-and-come-again lettuce", "seedlings", "a kitchen herb box"),
            ("on a north-facing balcony", "on the fourth floor", "beside the door", "under the roof", "along the rail"),
            ("a sowing calendar", "a plant swap thread", "a list of dwarf varieties", "a watering table",
             "a guide to rail brackets"),
            ("Harvest", "Question", "Setup", "Seeds", "Watering"),
        ),
        Theme(
            "bicycle lamps",
            "Night Ride Lamps",
            ("Lumen Fox 2", "Dynamo Owl", "helmet lamp", "Lumen Fox Mini", "rear lamp", "hub dynamo"),
            ("bracket", "lens", "cable", "switch", "seal", "battery door", "mount"),
            ("the commute", "a 40 km brevet", "towpath rides", "the school run", "winter rides"),
            ("in the rain", "on the handlebar", "under the saddle", "on the towpath", "at 5 °C"),
            ("a USB-C port", "a lamp with a cut-off beam", "a spare bracket", "a beam photo table", "a 10-lumen mode"),
            ("Question", "Beam Shot", "Build", "Commute", "Wiring"),
        ),
    )
}  # fmt: skip

# ---- sentences by mood -----------------------------------------------------
# {item} {part} {doing} {place} {ask}: from the theme; {n}: 2 to 30; {m}: 200 to 399 (a lexicon takes 86, 143
# or 187 for slang).

_TITLES: dict[Mood, tuple[str, ...]] = {
    "positive": (
        "I love my new {item}",
        "So happy with the {part} of my {item}",
        "{item}: the best thing I bought this year",
        "Great results with {doing}, thank you all",
        "The {item} is wonderful for {doing}",
        "Finally a perfect {part} 🎉",
        "Beautiful {item}, delighted after {n} weeks",
        "Thank you for the excellent advice on the {part}",
        "My {item} is amazing {place}",
    ),
    "neutral": (
        "{item} after {n} weeks",
        "{item} or {item2} for {doing}?",
        "Which {part} do you have on the {item}?",
        "Notes on the {part} of the {item}",
        "{n} days of {doing}, {m} photos",
        "{part} of the {item}: measurements",
        "What do you use for {doing}?",
        "The {item} {place}",
        "Where is the code on the {part} of the {item}?",
        "“{item}” versus “{item2}”: a table",
        "{doing} {place}, part {n}",
        "Today's {item}",
    ),
    "negative": (
        "The {part} of my {item} broke after {n} days",
        "Terrible {part} on the {item}",
        "Very disappointed with the {item}",
        "{item}: a horrible experience {place}",
        "I regret buying the {item}",
        "The worst {part} I have ever had",
        "Angry about the {part} of my {item}",
        "Awful {item}, the {part} failed again",
        "So frustrated with {doing}",
    ),
}

_SENTENCES: dict[Mood, tuple[str, ...]] = {
    "positive": (
        "I love my {item}, the {part} is excellent.",
        "I am really happy with the {part}, it is great {place}.",
        "This is the best {item} I have had, a wonderful thing for {doing}.",
        "The {part} works perfectly and looks beautiful.",
        "What a fantastic {item}, I enjoy it every single day.",
        "After {n} weeks I am delighted: the {part} is superb.",
        "The {item} is amazing for {doing}, I recommend it and love it.",
        "Great quality, lovely {part}, I am very pleased.",
        "Thank you all, the advice here was awesome and my {item} is brilliant now.",
        "It makes me smile each time I use it for {doing}, such a joy.",
        "The {part} is a great improvement, wonderful work.",
        "I'm impressed: the {part} is excellent {place}, and the {item} is a pleasure.",
        "Superb {part}, love it, 10/10.",
    ),
    "neutral": (
        "I use the {item} for {doing} about {n} times a week.",
        "The {part} measures {m} mm {place}.",
        "I have had the {item} for {n} weeks and the {item2} for {m} days.",
        "Mine came with the {part} in a separate box.",
        "The {part} of the {item} goes on from the left side.",
        "For {doing} I take the {item}, on other days the {item2}.",
        "I wrote down {n} readings {place}.",
        "The code on the {part} is {m}-{n}.",
        "It was {n} °C {place} when I took the photo.",
        "On the {item2} the {part} is {n} mm longer.",
        "I set the {part} to {n} and waited {m} seconds.",
        "My neighbour has the {item2} and I have the {item}.",
        "I bought the {item} in spring, the {part} came {n} days later.",
        "The {item} weighs {m} g without the {part}.",
    ),
    "negative": (
        "The {part} broke after {n} days, I am very disappointed.",
        "This is the worst {item} I have ever had, a terrible waste of money.",
        "I hate the {part}, it failed again {place}.",
        "The {item} arrived damaged and the {part} is useless.",
        "Horrible {part}, it is annoying and I am angry.",
        "After {n} weeks the {part} is ruined, what an awful thing.",
        "I regret buying the {item}, it is bad for {doing} and the {part} is a disaster.",
        "The {part} leaks, the {item} fails, and I am frustrated.",
        "It is a terrible design: the {part} hurts and breaks.",
        "The {part} is poor and the {item} is a sad disappointment.",
        "I am upset, the {part} cracked {place} and ruined {doing}.",
        "Awful {part}, horrible noise, I am sick of it.",
    ),
}

_REPLIES: dict[Mood, tuple[str, ...]] = {
    "positive": (
        "That is a beautiful {item}, congratulations!",
        "Great post, thank you, I love the {part}.",
        "Lovely {part}! I am happy that it works so well.",
        "Wonderful, this is excellent advice for {doing}.",
        "I agree, the {item} is fantastic and the {part} is great.",
        "Haha, love this {item}. Amazing work!",
        "Thanks, that is really helpful for {doing}, I am very glad.",
        "Perfect, the {part} looks superb {place}.",
        "Same here, I am delighted with the {item}, best choice.",
        "Nice! The {part} is brilliant, enjoy it.",
    ),
    "neutral": (
        "Mine is the {item} from last year, the {part} is {n} mm.",
        "Which {part} is on yours?",
        "I did {doing} with the {item2} for {n} weeks.",
        "The {part} goes on {place}, at least on the {item}.",
        "I think the code is {m}, it stands on the {part}.",
        "How long was it {place}?",
        "It depends on the {part}. I use the one with {n} mm.",
        "See the table from {n} weeks ago, there is a row for the {item}.",
        "Do you use it for {doing} or for {doing2}?",
        "I turn the {part} a quarter and wait {n} seconds.",
        "Both. The {item} on weekdays, the {item2} on Sundays.",
        "That was the {item2}, I think, with the other {part}.",
    ),
    "negative": (
        "Mine broke too, the {part} is terrible.",
        "I hate that {part}, it failed after {n} days.",
        "Awful. The {item} is a waste of money.",
        "Same here, very disappointed, the {part} is useless.",
        "That is bad advice, it ruined my {item}.",
        "Horrible {part}. I am frustrated as well.",
        "I regret it, the {item} was the worst choice {place}.",
        "This is sad, the {part} is a disaster and the noise is annoying.",
        "Terrible idea, the {part} breaks and you lose {n} days.",
        "I am angry about the {part}, it is a poor and ugly thing.",
    ),
}

_QUESTIONS: tuple[str, ...] = (
    "Which {part} do you use for {doing}?",
    "How many minutes do you give it {place}?",
    "Is the {part} of the {item} the same as on the {item2}?",
    "Where do you keep the {item} when it is not in use?",
    "Has anybody tried {doing} with the {item2}?",
    "Does the {part} come off, or is it one piece?",
)

_REQUESTS: dict[Mood, tuple[str, ...]] = {
    "positive": (
        "I love my {item}, and {ask} would make it perfect.",
        "Great {item}! I wish there was {ask}, that would be wonderful.",
        "It would be amazing to have {ask}, I am excited already.",
        "Happy owner here. Please add {ask}, that would be excellent.",
    ),
    "neutral": (
        "Feature request: {ask}.",
        "Could we have {ask}?",
        "Is {ask} on the list for next year?",
        "What would it take to have {ask}?",
        "Who else is waiting for {ask}?",
    ),
    "negative": (
        "I am disappointed that we are still waiting for {ask}, this is a sad failure.",
        "It is so annoying to be without {ask}, I am frustrated.",
        "Terrible that after {n} months we still lack {ask}.",
        "I am angry: where is {ask}? The {part} is bad as it is.",
    ),
}

_FILLERS: tuple[str, ...] = (
    "I will write again in {n} days.",
    "There are {n} photos in the album.",
    "That was on a Tuesday.",
    "I took notes, see below.",
    "My sister-in-law has the same one.",
    "The receipt says {m}.",
    "It took {n} minutes in all.",
    "Then I went on with {doing}.",
    "For context: I am in the north, so it gets dark at five.",
    "The box said “{item}”, the label said “{item2}”.",
    "I read the thread from {n} weeks ago.",
    "Everything was {place} at the time.",
    "The café version has another {part}.",
)

_NEWCOMER_REPLIES: dict[Mood, tuple[str, ...]] = {
    "positive": (
        "Welcome! That is a great first post, I love your {item}.",
        "Welcome aboard, lovely to have you here. Your {part} looks wonderful.",
        "Great start, well done! The {part} will be perfect with practice.",
        "Happy to help: your {item} is excellent, enjoy it.",
    ),
    "neutral": (
        "The {part} is in the wiki, page {n}.",
        "Which {item} is it, the one with {n} mm?",
        "Look at the {part} first, then at the {item2}.",
    ),
    "negative": (
        "This is an annoying question, the wiki has it. Bad start.",
        "Terrible photo, and a boring question.",
        "That is a bad way to use a {item}, you ruined the {part}.",
        "Poor post. I hate that we get this awful question each week.",
    ),
}

_TEAM_REPLIES: tuple[str, ...] = (
    "Hi, {brand} team here. We read this and passed it on to the people who make the {part}.",
    "{brand} team: send us your order number by message and we post a new {part} within {n} days.",
    "Hello from the {brand} workshop. The {part} of the {item} was changed in batch {m}; yours is on the label.",
    "{brand} team here. {ask_title} is on our list, see the monthly update.",
)
_TEAM_POSTS: tuple[str, ...] = (
    "{brand} monthly update: what we changed on the {item}",
    "{brand} team: the {part} of the {item}, batch {m}",
    "Ask the {brand} workshop, round {n}",
)
_BOT_REPLIES: tuple[str, ...] = (
    "Your post is up. Add the name of the {item} and a photo of the {part}.",
    "Posts with a photo need a comment with settings within {n} hours.",
)
_BOT_FOOTER = "\n\n*I am a bot, and this action was performed automatically.*"
_WEEKLY_TITLES: tuple[str, ...] = ("Weekly questions thread, week {n}", "Weekly thread: {doing}, week {n}")
_EDITS: tuple[str, ...] = (
    "\n\nEdit: typo.",
    "\n\nEDIT: the code is {m}.",
    "\n\nEdit 2: photo added.",
    "\n\n**Edit:** it was the {item2}.",
)

_EMOJI: dict[Mood, tuple[str, ...]] = {
    "positive": ("😍", "😊", "🎉", "❤️"),
    "neutral": ("☕", "📷", "🧵", "🗓️"),
    "negative": ("😡", "😞", "😠", "😢"),
}


def _fill(template: str, theme: Theme, rng: random.Random, *, ask: str | None = None) -> str:
    """Put words of the theme into the template."""
    pick = rng.random
    items, parts, doings, places = theme.items, theme.parts, theme.doings, theme.places
    item = int(pick() * len(items))
    doing = int(pick() * len(doings))
    text = template.format(
        item=items[item],
        item2=items[(item + 1) % len(items)],
        part=parts[int(pick() * len(parts))],
        doing=doings[doing],
        doing2=doings[(doing + 1) % len(doings)],
        place=places[int(pick() * len(places))],
        n=2 + int(pick() * 29),
        m=200 + int(pick() * 200),
        ask=ask or theme.asks[0],
        ask_title=(ask or theme.asks[0]).capitalize(),
        brand=theme.brand,
    )
    return text[0].upper() + text[1:]


def _one_of(choices: tuple[str, ...], rng: random.Random) -> str:
    return choices[int(rng.random() * len(choices))]


def _wish(theme: Theme, rng: random.Random) -> str:
    """What is asked for; those that stand first in the theme are asked for more."""
    return theme.asks[int(len(theme.asks) * rng.random() ** 1.8)]


def _intent(mood: Mood, rng: random.Random, *, is_post: bool) -> Intent:
    chance = rng.random()
    if chance < (0.16 if is_post else 0.05):
        return "request"
    if mood == "neutral":
        return "question" if chance < (0.6 if is_post else 0.25) else "talk"
    return "praise" if mood == "positive" else "complaint"


def _dressed(sentences: list[str], mood: Mood, rng: random.Random, *, is_post: bool) -> str:
    """Sentences as people set them: in one piece, in paragraphs, as a list, with a quote or an emoji."""
    chance = rng.random()
    if is_post and len(sentences) > 2 and chance < 0.15:
        return sentences[0] + "\n\n" + "\n".join(f"* {sentence}" for sentence in sentences[1:])
    if not is_post and chance < 0.05:
        # Reddit hands out ">" as an entity; a line that begins with it is a quote.
        return f"> see the photo, part {2 + int(rng.random() * 8)}\n\n" + " ".join(sentences)
    text = ("\n\n" if is_post and chance < 0.5 else " ").join(sentences)
    return f"{text} {_one_of(_EMOJI[mood], rng)}" if chance > 0.93 else text


def post_text(theme: Theme, mood: Mood, rng: random.Random, *, is_link: bool) -> Text:
    """A post; the mood of the whole is ``mood``. A link has no body, so its title carries the mood."""
    intent = _intent(mood, rng, is_post=True) if not is_link else _intent_of_link(mood)
    ask = _wish(theme, rng) if intent == "request" else None
    title_mood: Mood = mood if is_link or rng.random() < 0.5 else "neutral"
    title = _fill(_one_of(_TITLES[title_mood], rng), theme, rng)
    if is_link:
        return Text(title, "", intent)
    sentences = [_fill(_one_of(_SENTENCES[mood], rng), theme, rng)]
    if ask:
        sentences.append(_fill(_one_of(_REQUESTS[mood], rng), theme, rng, ask=ask))
    elif intent == "question":
        sentences.append(_fill(_one_of(_QUESTIONS, rng), theme, rng))
    for _ in range(int(rng.random() * 4)):
        more = _FILLERS if rng.random() < 0.7 else _SENTENCES[mood]
        sentences.append(_fill(_one_of(more, rng), theme, rng))
    return Text(title, _dressed(sentences, mood, rng, is_post=True), intent, ask)


def _intent_of_link(mood: Mood) -> Intent:
    intents: dict[Mood, Intent] = {"positive": "praise", "neutral": "talk", "negative": "complaint"}
    return intents[mood]


def reply_text(theme: Theme, mood: Mood, rng: random.Random) -> Text:
    """A comment of that mood."""
    intent = _intent(mood, rng, is_post=False)
    ask = _wish(theme, rng) if intent == "request" else None
    if ask:
        sentences = [_fill(_one_of(_REQUESTS[mood], rng), theme, rng, ask=ask)]
    elif intent == "question":
        sentences = [_fill(_one_of(_QUESTIONS, rng), theme, rng)]
    else:
        sentences = [_fill(_one_of(_REPLIES[mood], rng), theme, rng)]
    if rng.random() < 0.35:
        more = _FILLERS if rng.random() < 0.6 else _SENTENCES[mood]
        sentences.append(_fill(_one_of(more, rng), theme, rng))
    return Text(None, _dressed(sentences, mood, rng, is_post=False), intent, ask)


def newcomer_reply_text(theme: Theme, mood: Mood, rng: random.Random) -> Text:
    """What somebody hears who posts for the first time."""
    body = _fill(_one_of(_NEWCOMER_REPLIES[mood], rng), theme, rng)
    return Text(None, body, "talk")


def team_reply_text(theme: Theme, rng: random.Random, *, ask: str | None) -> Text:
    """The brand's team answers."""
    choices = _TEAM_REPLIES if ask else _TEAM_REPLIES[:-1]
    return Text(None, _fill(_one_of(choices, rng), theme, rng, ask=ask), "talk")


def team_post_text(theme: Theme, rng: random.Random) -> Text:
    """The brand's team announces."""
    sentences = [_fill(_one_of(_SENTENCES["neutral"], rng), theme, rng) for _ in range(3)]
    return Text(_fill(_one_of(_TEAM_POSTS, rng), theme, rng), "\n\n".join(sentences), "talk")


def weekly_post_text(theme: Theme, rng: random.Random) -> Text:
    """The thread that moderators pin each week."""
    title = _fill(_one_of(_WEEKLY_TITLES, rng), theme, rng)
    return Text(title, _fill(_one_of(_QUESTIONS, rng), theme, rng), "talk")


def bot_reply_text(theme: Theme, rng: random.Random) -> Text:
    """The automatic comment under new posts."""
    return Text(None, _fill(_one_of(_BOT_REPLIES, rng), theme, rng) + _BOT_FOOTER, "talk")


def edit_text(theme: Theme, rng: random.Random) -> str:
    """What an edit appends to a body; neutral, so the mood stays."""
    return "\n\n" + _fill(_one_of(_EDITS, rng).lstrip("\n"), theme, rng)


# ---- names -----------------------------------------------------------------

_FIRST = (
    "Quiet", "Copper", "Mossy", "Rapid", "Little", "Northern", "Paper", "Velvet", "Sunday", "Distant", "Amber", "Plain",
    "Salty", "Linen", "Early", "Hidden", "Tidy", "Granite", "Hollow", "Marble", "Rusty", "Silver", "Wooden", "Windy",
    "Cobalt", "Dusty", "Painted", "Patient", "Round", "Seventh", "Thirsty", "Upper",
)  # fmt: skip
_SECOND = (
    "Otter", "Lantern", "Badger", "Teacup", "Meadow", "Sparrow", "Harbor", "Pebble", "Walnut", "Comet", "Thimble",
    "Heron", "Saddle", "Fiddle", "Juniper", "Kettle", "Magpie", "Nutmeg", "Orchard", "Pickle", "Quartz", "Rivet",
    "Spruce", "Tinker", "Umbrella", "Violet", "Willow", "Yarrow", "Zephyr", "Anchor", "Button", "Cinder",
)  # fmt: skip
_JOINERS = ("", "_", "-")


class Names:
    """Hands out account names as the platform allows them; no two differ only in case."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._taken: set[str] = set()

    def another(self) -> str:
        """A name that nobody has yet, 3 to 20 characters of ``A-Za-z0-9_-``."""
        rng = self._rng
        while True:
            name = _one_of(_FIRST, rng) + _one_of(_JOINERS, rng) + _one_of(_SECOND, rng)
            if rng.random() < 0.8:
                name += _one_of(_JOINERS[:2], rng) + str(int(rng.random() * 9_999))
            name = name.lower() if rng.random() < 0.25 else name
            if len(name) <= 20 and name.lower() not in self._taken:
                self._taken.add(name.lower())
                return name
