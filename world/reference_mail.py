"""What reaches agents in a tick: messages that are due, and what they see for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import entropy, log
from .reference_state import Belief, Mail
from .settings import QUANTILES
from .state import MESSAGE, NO_TXN, NONE, OUT, PROMISE, SENSOR, SYMBOL

if TYPE_CHECKING:
    from .reference import World


def send(
    world: World, sender: int, kind: int, site: int, value: int, stamp: int, sensed: int, held: int = NO_TXN
) -> None:
    """Send a site's value to its listeners, copy by copy; `held` names the transaction whose settling it waits for.

    A symbol is of no site and goes to everyone.
    """
    for receiver in range(len(world.agents)) if kind == SYMBOL else world.rules.listeners[site]:
        if receiver == sender:
            continue
        nth = world.sent.get((sender, receiver, kind), 0)
        world.sent[sender, receiver, kind] = nth + 1
        keys = (sender * 256 + receiver, kind, nth)
        perfect = world.rules.settings.lockstep
        copies = 1 + (not perfect and world.happens(entropy.DUPLICATION, keys, world.rules.settings.duplication))
        for copy in range(copies):
            lost = not perfect and world.happens(entropy.LOSS, (*keys, copy), world.rules.settings.loss)
            delay = 0 if perfect else int(world.rules.delay[world.draw(entropy.DELAY, *keys, copy) % QUANTILES])
            due = world.now + delay
            if not lost:
                due = _in_the_pipe(world, sender, receiver, due)
            number = world.message_number
            world.message_number += 1
            world.record(
                log.SEND, sender, site=site, value=value, version=stamp, other=receiver, a=kind, b=due, c=number,
                d=sensed, e=lost + 2 * copy,
            )  # fmt: skip
            if not lost:
                mail = Mail(due, number, sender, receiver, kind, site, value, stamp, sensed, world.now, held)
                world.mail.append(mail)


def _in_the_pipe(world: World, sender: int, receiver: int, due: int) -> int:
    """Return when a message arrives that would at a tick; under fifo not before what was sent before it."""
    if world.control.delivery == "fifo":
        due = world.pipe[sender, receiver] = max(due, world.pipe.get((sender, receiver), 0))
    return due


def release_mail(world: World, txn: int, settled: bool) -> None:
    """Mail held for a transaction goes out when it settles, or never."""
    kept = []
    for mail in world.mail:
        if mail.held == txn and not settled:
            world.record(log.DROP, mail.sender, txn, site=mail.site, other=mail.receiver, c=mail.number)
            continue
        if mail.held == txn:
            mail.due = _in_the_pipe(world, mail.sender, mail.receiver, mail.due + world.now - mail.sent)
            mail.held, mail.sent = NO_TXN, world.now
        kept.append(mail)
    world.mail = kept


def deliver(world: World) -> None:
    """Let the mail arrive that is due, in the order of sending."""
    due = [mail for mail in world.mail if mail.due <= world.now and mail.held == NO_TXN]
    world.mail = [mail for mail in world.mail if not (mail.due <= world.now and mail.held == NO_TXN)]
    for mail in due:
        me = world.agents[mail.receiver]
        # What one sees for oneself no message changes.
        tells = me.phase != OUT and mail.kind != SYMBOL
        believed = tells and not world.sees(mail.receiver, mail.site) and world.control.deliver(world, mail)
        world.record(
            log.DELIVER, mail.receiver, site=mail.site, value=mail.value, version=mail.stamp, other=mail.sender,
            a=mail.kind, b=int(believed), c=mail.number, d=mail.sensed, e=mail.sent,
        )  # fmt: skip
        if me.phase != OUT:
            me.inbox += 1
        if tells:
            me.last_mail = mail
        elif me.phase != OUT:
            me.heard[mail.sender] = mail.value
        if believed:
            world.beliefs[mail.receiver][mail.site] = Belief(
                mail.value, mail.stamp, MESSAGE, mail.sensed, world.now, mail.kind == PROMISE
            )


def sense(world: World) -> None:
    """Let agents see the sites in their sight."""
    world.written.clear()
    for index, me in enumerate(world.agents):
        if me.phase == OUT:
            continue
        for site in sorted(world.rules.sights[index][me.cell]):
            belief, there = world.beliefs[index][site], world.sites[site]
            belief.tick = world.now
            if belief.version != there.version or belief.promise or belief.channel in (NONE, MESSAGE):
                world.beliefs[index][site] = Belief(there.value, there.version, SENSOR, world.now, world.now)
                world.record(log.SENSE, index, site=site, value=there.value, version=there.version, a=SENSOR, b=0)
