"""Model cards: what a run is, how good its model is and what is not known of it, written down for others.

``ModelCard`` is the card. Its parts are functions of a ``RunRecord`` alone: ``sections`` puts them in order, with
``datasheet``, ``evaluation`` and ``limits`` for the longer ones; ``questions`` lists what only a person knows, and
``front_matter`` what machines read.
"""

from neurokit.cards.card import ModelCard as ModelCard
from neurokit.cards.questions import Question as Question
