"""Long work in threads, computed once for equal requests: progress, cancel, result. Needs no Streamlit and no torch.

A *spec* describes a computation (hashable; equal specs are one computation). `start` gives each caller a *ticket*; the
computation itself is a *job*. A job is cancelled when its last ticket has left. Each read of `ticket.state` is a
heartbeat of the ticket. If the holder of a ticket disappears (a closed browser), the heartbeats stop and the ticket is
dropped. No extra thread watches the heartbeats: a worker checks them when it reports progress and before it begins a
job, because work can only be stopped at these moments. When the interpreter ends, all jobs are cancelled and get a few
seconds to stop.

Jobs wait in a fair line (`turns`): short ones come first, and long ones take turns. Therefore `job.progress` may block
for a while. A ticket may name its *owner*, a person, who gets one worker at a time and may have few jobs that wait.

Work that calls `progress.run_parallel` has independent tasks. While nobody waits, free workers take some of them, so
the tasks run at the same time; the job's own worker takes tasks, too, and needs no other.

    def work(job):
        return attack.run(model, batch, generator, on_step=lambda s: job.progress(s.index / s.total, "attacking"))

    ticket = jobs.start(("pgd", model.name, batch.ids, 8), work)
    while not (state := ticket.state).done: ...        # state.fraction, state.text, state.partial
    ticket.result()                                    # or ticket.leave()
"""

from rnorm_core.jobs.pool import MOST_WAITING, Job, Jobs, Ticket, shared, size
from rnorm_core.jobs.state import Cancelled, State

__all__ = ["MOST_WAITING", "Cancelled", "Job", "Jobs", "State", "Ticket", "forget", "size", "start"]
forget, start = shared.forget, shared.start
