"""Words for sounds: those that say nothing, adjectives, and the kind of every word, without a language package."""

from collections.abc import Callable, Sequence

Tagger = Callable[[Sequence[str]], Sequence[str]]
"""Tokens -> one tag of the Penn treebank each (JJ, NN, VBG, IN, ...), as `nltk.pos_tag` gives them."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


PREPOSITIONS = word_set(
    """
    about above across after against along among around as at before behind below beneath beside between by down
    during for from in inside into like near of off on onto out outside over past since through throughout to toward
    towards under until up upon via with within without while because although if that than
    """
)

FUNCTION_WORDS = PREPOSITIONS | word_set(
    """
    a an the this these those it its itself he she they them their his her we you your i my our and or nor but so
    yet is are was were be been being am do does did has have had having can could may might must shall should will
    would there here what which who whom whose when where why how not no n't only also too very quite rather
    somewhat almost just then now again once all any both each every either neither few more most much many other
    another some such same several one two three four five first second third fourth fifth lot bit
    """
)
"""Words that carry grammar."""

SETTING_WORDS = word_set(
    """
    audio sound sounds recording recordings recorded record clip clips video track file feature features featuring
    contain contains containing include includes including hear heard hearing listen listener listeners background
    foreground seem seems sounding sounded appear appears likely possibly probably may various different overall
    general used suitable meant related actual common everyday something someone somewhere quality mono stereo
    """
)
"""What a captioner says of any recording; no unit is described by it."""

SOUND_ADJECTIVES = word_set(
    """
    abrupt acoustic airy ambient amplified angry atonal beating blaring booming breathy bright brittle bubbling busy
    buzzing buzzy calm cheerful chirpy choppy clanging clattering clean clear clicking clipped cold complex
    compressed constant continuous crackling crackly creaky creepy crisp dark deafening decaying deep delicate dense
    detuned diffuse discordant dissonant distant distorted dramatic droning dry dull dynamic echoing echoey eerie
    electric electronic emotional enclosed energetic explosive faint fading fast fast-paced fierce fizzy flat
    fluctuating fluid flowing full gentle gliding gradual granular grating gravelly gritty growling gruff guttural
    hard harmonic harsh hazy heavy high high-frequency high-pitched hissing hoarse hollow howling hum humming husky
    impulsive inharmonic intense intermittent irregular isolated jarring jingling joyful lively long loud low
    low-frequency low-pitched mechanical mellow melodic melodious menacing metallic modulated monotonous muddy
    muffled multiple muted nasal natural noisy oscillating ominous painful peaceful peaky percussive periodic
    piercing pitched playful powerful pulsating pulsing pure quick quiet rapid raspy rattling rattly raw realistic
    recurring regular relaxing repeated repeating repetitive resonant reverberant rhythmic rich ringing rising
    roaring robotic rough rumbling rustling sad scary scraping scratchy screeching sharp short shrill silent
    sizzling slow smooth soft solemn sonorous soothing sparse splashing spooky squeaky squealing staccato static
    steady strained strident strong sudden sustained swelling synthetic tense thick thin throaty thudding thumping
    thunderous ticking tinkling tinny tonal tremulous trembling unpleasant unpitched unsteady upbeat urgent varied
    varying vibrant vibrating vocal voiced warbling warm watery wavering weak wet whining whirring whistling wide
    wild windy woody
    """
)
"""Adjectives of tone, emotion or acoustic character: stands in for the paper's question to a language model."""

OTHER_ADJECTIVES = word_set(
    """
    big small large little old young new good bad nice great black white green red blue dirty indoor outdoor human
    male female domestic wooden glass plastic rural urban crowded empty early late main single double certain
    specific similar typical unknown possible available important easy difficult personal external internal best
    worst due
    """
)

VERBS = word_set(
    """
    bark barks meow meows chirp chirps ring rings drip drips flow flows fall falls hit hits run runs walk walks play
    plays sing sings speak speaks talk talks cry cries laugh laughs cough coughs sneeze sneezes snore snores breathe
    breathes knock knocks click clicks tick ticks buzz buzzes hum hums roar roars growl growls howl howls crash
    crashes crack crackles crackle break breaks splash splashes pour pours rustle rustles creak creaks squeak
    squeaks whistle whistles beep beeps honk honks rumble rumbles hiss hisses rattle rattles scrape scrapes explode
    explodes bang bangs clap claps pass passes approach approaches start starts stop stops move moves get gets
    become becomes increase increases fade fades repeat repeats echo echoes make makes come comes go goes blow blows
    """
)

ADJECTIVE_ENDINGS = (
    "ous",
    "ful",
    "less",
    "ish",
    "ic",
    "ical",
    "ive",
    "able",
    "ible",
    "ary",
    "ant",
    "-pitched",
    "-like",
)
ADJECTIVE_TAGS = frozenset({"JJ", "JJR", "JJS", "VBN"})
NOUN_TAGS = frozenset({"NN", "NNS", "NNP", "NNPS"})
VERB_TAGS = frozenset({"VB", "VBD", "VBG", "VBN", "VBP", "VBZ"})
DETERMINERS = frozenset({"a", "an", "the", "this", "that", "its", "his", "her", "their", "some", "very"})
BE = frozenset({"is", "are", "was", "were", "be", "been", "being", "get", "gets", "sounds", "seems", "becomes"})


def rule_tags(tokens: Sequence[str]) -> list[str]:
    """Tag tokens by word lists, endings and neighbours: rough, but the same everywhere and without any download."""
    return [tag_of(token, tokens[i - 1] if i else "", tokens[i + 1] if i + 1 < len(tokens) else "")
            for i, token in enumerate(tokens)]  # fmt: skip


def tag_of(word: str, before: str, after: str) -> str:
    """Tag of one lower-case token between its neighbours."""
    if not any(sign.isalpha() for sign in word):
        return "CD" if word.isdigit() else "."
    if word in PREPOSITIONS or word in FUNCTION_WORDS:
        return "IN" if word in PREPOSITIONS else "DT"
    if word in SOUND_ADJECTIVES or word in OTHER_ADJECTIVES:
        return gerund_or_adjective(word, before, after)
    if word.endswith("ly") and len(word) > 4:
        return "RB"
    if word.endswith(ADJECTIVE_ENDINGS) and len(word) > 5:
        return "JJ"
    if word.endswith("ing") and len(word) > 5:
        return "VBG"
    if word.endswith("ed") and not word.endswith("eed") and len(word) > 4:
        return "VBN" if before in BE or before in DETERMINERS or "-" in word else "VBD"
    if word in VERBS and before not in DETERMINERS | PREPOSITIONS | SOUND_ADJECTIVES | OTHER_ADJECTIVES:
        return "VBZ" if word.endswith("s") else "VB"
    return "NNS" if word.endswith("s") and not word.endswith("ss") else "NN"


def gerund_or_adjective(word: str, before: str, after: str) -> str:
    """An adjective in -ing counts as a verb where it follows a noun or a form of "be": "a phone is ringing"."""
    verbal = word.endswith("ing") and before not in DETERMINERS and (before in BE or not after.isalpha())
    return "VBG" if verbal and before and before not in SOUND_ADJECTIVES else "JJ"
