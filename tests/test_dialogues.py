"""Whole conversations with the real engine and the real actions: forms, and what people do in the middle of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from bot.dialogue import Dialogue
from bot.model.dialogue import Ask, Turn

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASK_CODE = "codice cliente?"
ASK_FACT = "le ultime 4 cifre"


@dataclass
class Conversation:
    """One customer, turn after turn; the state is kept as the bot keeps it, cut and all."""

    dialogue: Dialogue
    language: str = "it"
    turns: list[Turn] = field(default_factory=list)

    async def say(self, text: str, **metadata: Any) -> Turn:
        """The engine's answer to one message."""
        turn_id = f"t-{len(self.turns)}"
        told = {"language": self.language, "turn_id": turn_id, "first_turn": not self.turns, **metadata}
        state = self.turns[-1].events if self.turns else []
        self.turns.append(await self.dialogue.ask(Ask(turn_id, text, told, state)))
        return self.turns[-1]

    async def tap(self, title: str) -> Turn:
        """Taps a quick reply of the last answer."""
        offered = {reply.title: reply.payload for one in self.turns[-1].replies for reply in one.quick_replies}
        return await self.say(offered[title])


def words(turn: Turn) -> str:
    """All the customer reads."""
    return "\n".join(reply.text for reply in turn.replies)


@pytest_asyncio.fixture(loop_scope="session")
async def talk(engine_url: str) -> AsyncIterator[Conversation]:
    async with Dialogue(engine_url) as dialogue:
        yield Conversation(dialogue)


async def test_a_personal_answer_after_the_identity_check(talk: Conversation) -> None:
    assert ASK_CODE in words(await talk.say("a che punto è la mia attivazione?"))
    assert ASK_FACT in words(await talk.say("vl 104 233"))
    answer = await talk.say("0147")
    assert "Giulia" in words(answer) and "ORD-70318" in words(answer)
    assert answer.slots["verified_customer"] == "VL-104233"
    # Checked once: the next personal question is answered at once.
    assert "Nicola Lorusso" in words(await talk.say("e quando viene il tecnico?"))


async def test_three_wrong_pairs_ask_a_person(talk: Conversation) -> None:
    await talk.say("a che punto è la mia attivazione?")
    assert "insieme non mi risultano" in words(await talk.say("VL-104233 9999"))
    assert "insieme non mi risultano" in words(await talk.say("VL-999999 0147"))
    last = await talk.say("VL-104233 1111")
    assert last.handoff and (last.handoff.reason, last.handoff.topic) == ("identity_failed", "activation_status")
    # The form is over: what comes next is a new message, not a fourth try.
    again = await talk.say("VL-104233 0147")
    assert "verified_customer" not in again.slots


async def test_a_person_in_the_middle_of_a_form(talk: Conversation) -> None:
    await talk.say("devo segnalare un guasto")
    await talk.say("055 555 3107")
    turn = await talk.say("voglio parlare con una persona")
    assert turn.handoff and turn.handoff.reason == "asked"
    after = await talk.say("grazie")
    assert "Da quando" not in words(after)


async def test_another_topic_in_the_middle_of_a_form(talk: Conversation) -> None:
    await talk.say("a che punto è la mia attivazione?")
    turn = await talk.say("ci sono guasti a Bari?")
    assert "Poggiofranco" in words(turn)
    assert "codice cliente" not in words(await talk.say("grazie"))


async def test_small_talk_in_the_middle_then_the_same_question(talk: Conversation) -> None:
    await talk.say("a che punto è la mia attivazione?")
    await talk.say("VL-118457")
    turn = await talk.say("sei un bot?")
    assert "bot" in turn.replies[0].text and ASK_FACT in turn.replies[-1].text
    assert "Marco" in words(await talk.say("2/11/1974"))


async def test_never_mind_at_any_point(talk: Conversation) -> None:
    for opening in ("a che punto è la mia attivazione?", "devo segnalare un guasto", "stato della linea"):
        await talk.say(opening)
        assert "lasciamo stare" in words(await talk.say("annulla"))
    await talk.say("stato della linea")
    assert "lasciamo stare" in words(await talk.tap("Lascia stare"))


async def test_not_understood_twice_asks_a_person(talk: Conversation) -> None:
    await talk.say("devo segnalare un guasto")
    first = await talk.say("il pane è nel forno")
    assert first.handoff is None and "prefisso" in words(first)
    second = await talk.say("il gatto è sul tavolo")
    assert second.handoff and second.handoff.reason == "not_understood"


async def test_a_fault_from_the_first_word_to_the_promise(talk: Conversation) -> None:
    await talk.say("non mi va internet, il numero è 055 555 3107")
    await talk.tap("Da ieri")
    await talk.say("il modem lampeggia rosso e non si collega niente")
    turn = await talk.tap("Sera")
    assert turn.promises and turn.promises[0].reference in words(turn)
    assert turn.promises[0].reference.startswith("GU-")


async def test_a_known_incident_then_write_to_me_when_it_is_fixed(talk: Conversation) -> None:
    await talk.say("il telefono di casa è muto")
    told = await talk.say("080 555 0147")
    assert "conosciamo già" in words(told)
    watching = (await talk.tap("Avvisami")).watches[0]
    assert watching.subject == "incident:INC-1042"
    check = await Conversation(talk.dialogue).say(watching.check)
    assert check.watch_results == (("incident:INC-1042", True),) and check.replies == ()


async def test_a_known_incident_reported_all_the_same(talk: Conversation) -> None:
    await talk.say("non mi funziona internet")
    await talk.say("0805550147")
    assert "Da quando" in words(await talk.tap("Segnala lo stesso"))


async def test_the_visit_is_moved_by_a_tap(talk: Conversation) -> None:
    await talk.say("devo spostare l'appuntamento col tecnico")
    await talk.say("VL-104233")
    offered = await talk.say("12 marzo 1981")
    moved = await talk.tap(offered.replies[-1].quick_replies[0].title)
    assert "Spostato" in words(moved) and moved.promises[0].reference == "APT-5521"


async def test_the_same_in_english(talk: Conversation) -> None:
    talk.language = "en"
    assert "customer code" in words(await talk.say("where is my order?"))
    assert "top right" in words(await talk.tap("Where do I find it?"))
    await talk.say("VL-151276")
    answer = words(await talk.say("17/02/1988"))
    assert "Emily" in answer and "active" in answer and "{" not in answer


async def test_a_form_survives_a_long_conversation(talk: Conversation) -> None:
    for _ in range(6):
        await talk.say("ci sono guasti a Bari?")
    await talk.say("a che punto è la mia attivazione?")
    for _ in range(4):
        assert ASK_CODE in words(await talk.say("sei un bot?"))
    assert ASK_FACT in words(await talk.say("VL-104233"))
    assert "Giulia" in words(await talk.say("0147"))


async def test_the_visit_is_moved_to_a_day_in_words(talk: Conversation) -> None:
    await talk.say("posso spostare il tecnico?")
    offer = await talk.say("VL-104233 0147")
    day, month, hours = offer.replies[-1].quick_replies[-1].title.split()[1:]
    moved = await talk.say(f"il {day} {month} {hours}")
    assert f" {day} " in words(moved) and moved.promises
    # The offer is over: what comes next is a new message.
    assert "Bari" in words(await talk.say("a che ora apre il negozio di bari?"))


async def test_who_can_take_no_day_gets_a_person_and_keeps_the_visit(talk: Conversation) -> None:
    await talk.say("posso spostare il tecnico?")
    await talk.say("VL-104233 0147")
    assert "giovedì mattina" in words(await talk.say("boh"))
    last = await talk.say("mah, non saprei")
    assert last.handoff and not last.promises and len(last.replies) == 1


async def test_a_line_then_another_town_then_a_shop(talk: Conversation) -> None:
    assert "Poggiofranco" in words(await talk.say("la linea è giù a bari?"))
    assert "A Bologna adesso non risultano guasti" in words(await talk.say("e a bologna?"))
    assert "A Firenze adesso non risultano guasti" in words(await talk.say("anzi a firenze"))
    assert "Vivalinea Firenze" in words(await talk.say("e il negozio di firenze dov'è?"))


async def test_a_number_is_put_right_in_the_middle_of_a_fault(talk: Conversation) -> None:
    assert "Qual è il numero" in words(await talk.say("nn mi va internet da ieri sera"))
    assert "Cosa succede" in words(await talk.say("055 555 3107"))  # since when was told already
    turn = await talk.say("no aspetta, è 0655508812")
    assert "Cosa succede" in words(turn) and turn.slots["fault_line"] == "0655508812"


async def test_who_is_answered_something_else_says_it_again_and_then_gets_a_person(talk: Conversation) -> None:
    assert "Qual è il numero" in words(await talk.say("devo segnalare un guasto"))
    again = await talk.say("ma non ti ho chiesto questo!")
    assert "ho capito male io" in words(again) and "Qual è il numero" not in words(again)
    assert "quale città" in words(await talk.say("a che ora chiude il negozio"))
    last = await talk.say("no guarda, continui a rispondermi un'altra cosa")
    assert last.handoff and (last.handoff.reason, last.handoff.topic) == ("not_understood", "store_hours")


async def test_when_is_it_back_after_an_outage_was_told(talk: Conversation) -> None:
    told = words(await talk.say("c'è un guasto a bari?"))
    assert "Poggiofranco" in told
    assert "Poggiofranco" in words(await talk.say("grazie, quando torna?"))


async def test_from_a_price_to_a_person_who_sets_it_up(talk: Conversation) -> None:
    assert "29,90" in words(await talk.say("quanto costa la fibra?"))
    assert "29,90" in words(await talk.say("e quanto costa al mese?"))
    wanted = await talk.say("ok la voglio attivare")
    assert wanted.handoff and (wanted.handoff.topic, wanted.handoff.note) == (
        "price_availability", "wants_offer: Viva Fibra",
    )  # fmt: skip


async def test_whether_fibre_reaches_a_street_is_not_answered_with_a_price(talk: Conversation) -> None:
    turn = await talk.say("vorrei sapere se in via roma 12 a lecce arriva la fibra")
    assert turn.handoff and turn.handoff.note == "coverage" and "29,90" not in words(turn)


async def test_it_works_again_in_the_middle_of_a_fault(talk: Conversation) -> None:
    await talk.say("non mi va internet")
    assert "Meglio così" in words(await talk.say("ah no, ha ripreso, grazie"))


async def test_small_talk_that_is_a_guess_leaves_no_form(talk: Conversation) -> None:
    assert ASK_CODE in words(await talk.say("quando viene il tecnico?"))
    assert "Ciao" not in words(await talk.say("è la seconda volta"))


async def test_the_day_since_when_is_no_goodbye(talk: Conversation) -> None:
    await talk.say("segnala un guasto")
    assert "Da quando" in words(await talk.say("055 555 3107"))
    assert "Cosa succede" in words(await talk.say("da lunedì"))
    assert "chiamarti" in words(await talk.say("si sente gracchiare quando telefono"))
    assert (await talk.say("di pomeriggio")).promises


async def test_who_looks_for_their_papers_is_waited_for(talk: Conversation) -> None:
    await talk.say("non ricordo la password dell'area clienti")
    assert "codice fiscale" in words(await talk.say("sì, a me"))
    for asked in ("aspetta lo cerco", "un attimo che vado a prendere la tessera"):
        assert words(await talk.say(asked)) == "Fai con calma, ti aspetto qui."
    assert "RSS…05X" in words(await talk.say("RSSMRA80A01F205X"))


async def test_the_product_told_is_the_one_looked_for_in_a_shop(talk: Conversation) -> None:
    assert "979" in words(await talk.say("quanto costa l'iphone 17?"))
    assert "A Milano trovi iPhone 17" in words(await talk.say("ce l'avete a milano?"))


async def test_another_day_after_the_visit_was_told(talk: Conversation) -> None:
    await talk.say("quando viene il tecnico?")
    assert "Nicola Lorusso" in words(await talk.say("VL-104233 0147"))
    offered = await talk.say("e venerdì mattina?")
    assert "Quando la preferisci" in words(offered)
    assert (await talk.tap(offered.replies[-1].quick_replies[0].title)).promises


async def test_who_thanks_and_leaves_is_not_asked_to_say_it_again(talk: Conversation) -> None:
    for said in ("thanks bye", "grazie ciao", "ok grazie arrivederci"):
        assert "capito" not in words(await talk.say(said)) and "get that" not in words(talk.turns[-1])


async def test_the_cheapest_and_the_fastest_of_a_list(talk: Conversation) -> None:
    assert "Viva Aria" in words(await talk.say("che offerte avete per internet a casa?"))
    assert "costa meno è Viva Aria" in words(await talk.say("la meno cara"))
    assert "più veloce è Viva Fibra" in words(await talk.say("e il più veloce?"))


async def test_an_appointment_at_a_shop_is_no_visit_of_a_technician(talk: Conversation) -> None:
    for said in ("vorrei un appuntamento in negozio", "devo prendere appuntamento per venire in negozio?"):
        asked = words(await talk.say(said))
        assert "non prendo appuntamenti in negozio" in asked and "codice cliente" not in asked
    assert "Vivalinea Bari" in words(await talk.say("a bari"))
    assert "codice cliente" in words(await talk.say("e l'appuntamento col tecnico quand'è?"))


async def test_a_shop_by_its_street(talk: Conversation) -> None:
    assert "via Torino 51, Milano" in words(await talk.say("il negozio di via Torino a che ora apre?"))
    assert "Buenos Aires 33" in words(await talk.say("e quello in corso bueno aires?"))


async def test_a_number_told_for_a_line_is_not_asked_again_for_its_fault(talk: Conversation) -> None:
    await talk.say("stato della linea")
    assert "non risultano guasti" in words(await talk.say("0255501936"))
    asked = words(await talk.say("da venerdì"))
    assert "città" not in asked and "numero" not in asked and "025…36" in asked and "Cosa succede" in asked
    assert "chiamarti" in words(await talk.say("non va nulla, né internet né telefono"))
    assert (await talk.say("di mattina")).promises


async def test_the_tap_after_a_line_was_told_asks_for_no_number(talk: Conversation) -> None:
    await talk.say("stato della linea")
    await talk.say("0255501936")
    assert "Da quando" in words(await talk.tap("Segnala un guasto"))
    # Another line than the one told is written as anywhere else.
    assert (await talk.say("no scusa, è 055 555 3107")).slots["fault_line"] == "0555553107"


async def test_what_is_known_in_a_town_is_told_before_a_number_is_asked(talk: Conversation) -> None:
    told = words(await talk.say("qui a torino il cellulare non prende da stamattina"))
    assert "due antenne" in told and "numero" not in told
    assert (await talk.say("avvisami")).watches
    # Who wants to report it all the same is asked for the number: the town is no line.
    assert "Qual è il numero" in words(await talk.say("/report_fault"))


async def test_since_when_is_put_right(talk: Conversation) -> None:
    await talk.say("devo segnalare un guasto")
    await talk.say("051 555 6230")
    assert "Cosa succede" in words(await talk.say("da due giorni"))
    again = await talk.say("anzi no da tre")
    assert "Cosa succede" in words(again) and again.slots["fault_since"] == "anzi no da tre giorni"
    assert "chiamarti" in words(await talk.say("internet lento, soprattutto la sera"))


async def test_what_happens_is_not_asked_of_who_said_it(talk: Conversation) -> None:
    asked = await talk.say("guasto internet 0555553107 da ieri sera, il modem lampeggia rosso")
    assert "chiamarti" in words(asked) and "lampeggia" in asked.slots["fault_what"]


async def test_a_form_is_left_in_more_words_than_one(talk: Conversation) -> None:
    await talk.say("devo segnalare un guasto")
    assert "lasciamo stare" in words(await talk.say("ok allora lascia stare il guasto"))
    await talk.say("devo segnalare un guasto")
    assert "ti aspetto" in words(await talk.say("non lo so a memoria, lo cerco un momento"))


async def test_the_visit_stays_as_it_is(talk: Conversation) -> None:
    for said in ("no dai lascio com'è", "tengo quella di prima", "va bene così"):
        await talk.say("voglio spostare il tecnico" + ("" if talk.turns else " VL-104233 0147"))
        kept = words(await talk.say(said))
        assert "resta tutto com'era" in kept, said
        assert "preferisci" not in words(await talk.say("grazie"))


async def test_an_item_never_asked_for_is_disputed(talk: Conversation) -> None:
    await talk.say("perché la bolletta è più alta?")
    assert "segreteria" in words(await talk.say("VL-104233 0147"))
    turn = await talk.say("e questa segreteria cos'è? io non l'ho mai chiesta")
    assert turn.handoff and turn.handoff.note.startswith("bill_disputed")


async def test_what_of_the_bill_was_asked_last_is_answered(talk: Conversation) -> None:
    for said in ("la bolletta", "quella di ottobre", "perché è più alta"):
        assert "città" not in words(await talk.say(said))
    assert "segreteria" in words(await talk.say("VL-104233 0147"))


async def test_when_does_it_come_asks_on_about_what_was_told(talk: Conversation) -> None:
    await talk.say("mi serve il puk")
    await talk.say("sì, a me")
    number = (await talk.say("FRRGLI81C52A662N")).promises[0].reference
    told = [{"reference": number, "due": "2026-11-21T13:00:00+01:00"}]
    assert number in words(await talk.say("quando arriva?", promises=told))


async def test_how_long_it_takes_asks_on_about_the_request(talk: Conversation) -> None:
    await talk.say("che fine ha fatto la mia richiesta di rimborso?")
    assert "R-20871" in words(await talk.say("VL-104233 0147"))
    assert "R-20871" in words(await talk.say("e quanto ci vuole ancora?"))


async def test_a_late_activation_asked_about_again_brings_a_person(talk: Conversation) -> None:
    await talk.say("dov'è il mio ordine?")
    late = await talk.say("VL-126790 nata il 25/06/1993")
    assert "in ritardo" in words(late) and not late.handoff
    again = await talk.say("e allora quando me lo attivate??")
    assert again.handoff and again.handoff.note == "case_late: ORD-69987"


async def test_a_shop_asked_for_after_a_line_is_no_question_about_the_line(talk: Conversation) -> None:
    assert "Poggiofranco" in words(await talk.say("ci sono guasti a bari?"))
    assert "lasciamo stare" in words(await talk.say("ok allora lascia stare il guasto"))
    await talk.say("ci sono guasti a bari?")
    assert "Poggiofranco" not in words(await talk.say("a che ora apre il negozio"))


async def test_what_is_told_on_of_a_known_fault_does_not_repeat_the_news(talk: Conversation) -> None:
    await talk.say("il telefono di casa è muto")
    assert "Vomero" in words(await talk.say("0815554421"))
    on = words(await talk.say("da stamattina presto mi pare"))
    assert "Vomero" not in on and "Avvisami" in on
    assert "Da quando" in words(await talk.tap("Segnala lo stesso"))


async def test_any_time_is_a_time_to_call(talk: Conversation) -> None:
    await talk.say("devo segnalare un guasto, 055 555 3107, da ieri il modem lampeggia rosso")
    assert (await talk.say("quando vi pare basta che mi chiamate")).promises


async def test_a_yes_to_reporting_it_reports_it(talk: Conversation) -> None:
    for said in ("sì", "ok allora la segnalo"):
        await talk.say("stato della linea")
        await talk.say("0655508812")
        assert "Da quando" in words(await talk.say(said))
        await talk.say("annulla")


async def test_a_line_of_a_city_by_its_colour(talk: Conversation) -> None:
    await talk.say("la metro è ferma?")
    red = words(await talk.say("quella rossa di milano"))
    assert "Quale intendi" not in red and "M1" in red


async def test_the_day_after_moves_the_visit(talk: Conversation) -> None:
    await talk.say("quando viene il tecnico? VL-104233 0147")
    assert "Quando la preferisci" in words(await talk.say("e si può fare il giorno dopo?"))


async def test_a_visit_too_near_to_move_is_no_riddle(talk: Conversation) -> None:
    near = words(await talk.say("quando viene il tecnico? VL-133508 4421"))
    assert "troppo vicino" in near
    assert "troppo vicino" in words(await talk.say("domani non ci sono"))


async def test_when_do_you_call_is_about_the_report_just_made(talk: Conversation) -> None:
    await talk.say("guasto 055 555 3107 da ieri, internet lento")
    made = (await talk.say("mattina")).promises[0]
    told = [{"reference": made.reference, "due": "2026-11-21T13:00:00+01:00"}]
    assert made.reference in words(await talk.say("e quando mi chiamate?", promises=told))


async def test_a_customer_code_out_of_the_blue_is_kept(talk: Conversation) -> None:
    noted = await talk.say("VL-104233")
    assert "Di cosa si tratta" in words(noted)
    assert ASK_FACT in words(await talk.tap("A che punto è?"))
    assert "Giulia" in words(await talk.say("0147"))


async def test_dropping_it_and_asking_something_else_ends_the_form(talk: Conversation) -> None:
    await talk.say("quando viene il tecnico")
    assert "codice cliente" not in words(await talk.say("anzi lascia perdere, dimmi solo quanto devo pagare"))
    await talk.say("quanto devo pagare?")
    assert "46,40" in words(await talk.say("VL-104233 0147"))


async def test_hours_or_place_of_a_shop_are_one_answer(talk: Conversation) -> None:
    assert "via Etnea 180" in words(await talk.say("negozio via etnea catania domenica?"))


async def test_no_shop_is_nearer_than_the_nearest(talk: Conversation) -> None:
    far = await talk.say("c'è un negozio a matera?")
    assert "52 km" in words(far)
    # An unusual day is told last: the buttons that people look for stand under it.
    assert "Un altro negozio" in [one.title for one in far.replies[-1].quick_replies]
    assert "Più vicino di così" in words(await talk.say("troppo lontano"))


async def test_whose_contract_it_is_is_not_asked_of_who_said_it(talk: Conversation) -> None:
    assert (await talk.say("puk subito, intestato a me, cf FRRGLI81C52A662N")).promises
    assert "codice fiscale" in words(await talk.say("mi serve il pin della sim intestata a mia moglie"))


async def test_a_birth_date_as_dictation_writes_it(talk: Conversation) -> None:
    await talk.say("dov'è il mio ordine?")
    await talk.say("vl uno due sei sette nove zero")
    assert "Amina" in words(await talk.say("sono nata il venticinque giugno del novantatré"))


async def test_products_are_talked_about_to_the_end(talk: Conversation) -> None:
    assert "Viva Aria" in words(await talk.say("che offerte avete per internet a casa?"))
    assert "modem compreso" in words(await talk.say("che differenza c'è?"))
    assert "29,90" in words(await talk.say("quella col modem compreso"))
    wanted = await talk.say("ok la prendo")
    assert wanted.handoff and wanted.handoff.note == "wants_offer: Viva Fibra"


async def test_another_model_and_another_town(talk: Conversation) -> None:
    await talk.say("quanto costa l'iphone 16")
    assert "979" in words(await talk.say("anzi no il 17"))
    assert "A Roma trovi iPhone 17" in words(await talk.say("ce l'avete a roma?"))
    assert "A Milano trovi iPhone 17" in words(await talk.say("no a milano"))


async def test_the_hour_of_a_visit_just_told_is_no_shops(talk: Conversation) -> None:
    assert "tra le 14:00" in words(await talk.say("quando viene il tecnico? VL-133508 4421"))
    assert "tra le 14:00" in words(await talk.say("e a che ora precisamente?"))


async def test_an_appointment_at_the_counter_is_at_the_counter(talk: Conversation) -> None:
    asked = words(await talk.say("mi prendete un appuntamento per lunedì allo sportello?"))
    assert "non prendo appuntamenti in negozio" in asked and "codice cliente" not in asked
    assert "Vivalinea Bari" in words(await talk.say("bari"))


async def test_one_of_a_list_by_its_price_and_what_it_includes(talk: Conversation) -> None:
    assert "Viva Junior" in words(await talk.say("che tariffe avete per il cellulare?"))
    assert words(await talk.say("quella da 9,99 quanti minuti ha?")).startswith("Viva Mobile costa 9,99")
    await talk.say("quanto costa la fibra?")
    assert "modem compreso" in words(await talk.say("ma il modem è incluso?"))
    assert (await talk.say("ok la voglio")).handoff.note == "wants_offer: Viva Fibra"  # type: ignore[union-attr]


async def test_a_number_out_of_the_blue_is_looked_up(talk: Conversation) -> None:
    assert "025…36" in words(await talk.say("0255501936"))
    assert "Cosa succede" in words(await talk.say("da stamattina"))


async def test_more_of_a_fault_is_no_time_to_call(talk: Conversation) -> None:
    await talk.say("guasto: internet va piano da una settimana, 051 555 6230")
    more = await talk.say("di sera si blocca tutto")
    assert not more.promises and "si blocca tutto" in more.slots["fault_what"]
    assert (await talk.say("sera")).promises


async def test_when_to_call_is_not_asked_of_who_said_it(talk: Conversation) -> None:
    turn = await talk.say("il modem lampeggia rosso da ieri, 055 555 3107, potete chiamarmi di mattina")
    assert turn.promises


async def test_a_pin_that_cannot_be_found_is_nobody_elses(talk: Conversation) -> None:
    for said in ("mi serve il pin della sim", "non lo trovo più"):
        asked = words(await talk.say(said))
    assert "codice fiscale" not in asked
    await talk.say("no")
    assert "codice fiscale" in words(await talk.say("sì mio"))
    assert "sul tuo recapito" in words(await talk.say("FRRGLI81C52A662N"))


async def test_code_and_number_in_the_first_message(talk: Conversation) -> None:
    told = words(await talk.say("sono Marco cod VL-118457 tel 0255501936, a che punto è il passaggio del numero?"))
    assert "ORD-70544" in told


async def test_a_code_and_then_a_fact_bring_no_person(talk: Conversation) -> None:
    await talk.say("VL-104233")
    assert not (await talk.say("0147")).handoff


async def test_two_products_side_by_side(talk: Conversation) -> None:
    talk.language = "en"
    told = words(await talk.say("what's the difference between viva fibra and viva aria"))
    assert "up to 2.5 Gb/s" in told and "wireless" in told


async def test_a_town_put_right_after_a_shop(talk: Conversation) -> None:
    assert "Brescia" in words(await talk.say("orari negozio bresia"))
    assert "Bologna" in words(await talk.say("no bologna"))


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("la bolletta è sbagliata, fatemi parlare con qualcuno", "bill_question"),
        ("il tecnico non è venuto: voglio parlare con un operatore", "technician_appointment"),
        ("my bill is wrong, let me talk to someone", "bill_question"),
        ("vorrei parlare con qualcuno, grazie", "ask_human"),
    ],
)
async def test_who_says_what_it_is_about_gets_a_person_who_does_that(talk: Conversation, said: str, topic: str) -> None:
    handoff = (await talk.say(said)).handoff
    assert handoff and (handoff.reason, handoff.topic) == ("asked", topic)


async def test_all_that_is_told_of_a_known_fault_is_about_its_line(talk: Conversation) -> None:
    assert "antenne" in words(await talk.say("la linea 3475552764 non prende"))
    for said in ("da stamattina", "niente segnale", "la linea cade sempre"):
        assert "Qual è il numero" not in words(await talk.say(said))


async def test_a_shop_asked_for_after_stock_is_in_that_town(talk: Conversation) -> None:
    assert "Vivalinea Torino" in words(await talk.say("avete il samsung s25 a torino?"))
    assert "Vivalinea Torino" in words(await talk.say("a che ora chiudono?"))


async def test_which_price_is_answered_by_a_kind(talk: Conversation) -> None:
    assert "Di cosa vuoi sapere il prezzo" in words(await talk.say("avete un'offerta più economica della mia?"))
    assert "Viva Aria" in words(await talk.say("quella per casa"))


async def test_the_day_wished_at_first_is_kept_over_the_identity_check(talk: Conversation) -> None:
    await talk.say("devo spostare il tecnico, meglio di pomeriggio")
    offered = (await talk.say("VL-104233 0147")).replies[-1].quick_replies
    hours = {one.title.split()[-1] for one in offered if one.payload.startswith("/book_slot")}
    assert hours == {"14-17"}


async def test_when_an_order_comes_asks_on_about_it(talk: Conversation) -> None:
    assert "ORD-70601" in words(await talk.say("dov'è la mia sim? VL-140912 7093"))
    assert "ORD-70601" in words(await talk.say("quindi domani arriva?"))


async def test_how_long_after_an_outage_is_about_the_outage(talk: Conversation) -> None:
    talk.language = "en"
    assert "Poggiofranco" in words(await talk.say("is there an outage in Bari?"))
    assert "Poggiofranco" in words(await talk.say("how long?"))
    assert (await talk.say("ok notify me")).watches


@pytest.mark.parametrize("why", ["ma perché devo dirvi il codice fiscale?", "a cosa vi serve", "xke lo volete sapere"])
async def test_who_asks_why_is_told_and_asked_again(talk: Conversation, why: str) -> None:
    for said in ("mi serve il puk", "sì, a me"):
        await talk.say(said)
    told = words(await talk.say(why))
    assert "solo per questa richiesta" in told and "codice fiscale" in told
    assert "PIN-" in words(await talk.say("FRRGLI81C52A662N"))


async def test_why_in_english_and_because_is_no_question(talk: Conversation) -> None:
    talk.language = "en"
    await talk.say("my bill")
    assert "only for this request" in words(await talk.say("why do you need that?"))
    told = words(await talk.say("I don't have it because I'm at work"))
    assert "only for this request" not in told
