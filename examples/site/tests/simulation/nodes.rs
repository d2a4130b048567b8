//! The nodes of a site and their tasks, on one thread. An action of the schedule is the only thing that happens by itself.

use crate::events::Event;
use crate::judge::Failure;
use crate::link::{Link, Shared};
use crate::promise::Promise;
use crate::roles::{AGES, LEASE, Place, Role, Visit};
use crate::schedule::Action;
use crate::variants::Variant;
use crate::world::{KEEPERS, World};
use pop3_proto_site::Keeper;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

/// What a simulation begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) maildrops: i64,
    pub(crate) variant: Variant,
}

/// The tasks that check the end have these numbers and above.
const LAST: u32 = 2 * KEEPERS;

pub(crate) struct Simulation {
    pub(crate) world: Shared,
    settings: Settings,
    nodes: Vec<Node>,
    tasks: BTreeMap<u32, Task>,
    ready: Ready,
    /// What was done so far.
    pub(crate) schedule: Vec<Action>,
}

#[derive(Default)]
struct Node {
    keeper: Keeper,
    /// How often it was started.
    lives: u32,
    /// Since when its tasks stand still.
    paused: Option<i64>,
    /// The tasks that could go on.
    waiting: Vec<u32>,
}

struct Task {
    node: usize,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    waker: Waker,
}

/// The tasks that can go on, in order.
type Ready = Arc<Mutex<VecDeque<u32>>>;

struct Alarm {
    task: u32,
    ready: Ready,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().push_back(self.task);
    }
}

impl Simulation {
    pub(crate) fn new(settings: Settings) -> Self {
        let world = Arc::new(Mutex::new(World::new(settings.maildrops, LEASE)));
        let nodes = (0..settings.nodes).map(|_| Node::default()).collect();
        let mut simulation = Simulation {
            world,
            settings,
            nodes,
            tasks: BTreeMap::new(),
            ready: Ready::default(),
            schedule: Vec::new(),
        };
        (0..settings.nodes).for_each(|node| simulation.keep(node));
        simulation.settle();
        simulation
    }

    /// Returns how many tasks run that a schedule began.
    pub(crate) fn count(&self) -> usize {
        self.tasks.range(..KEEPERS).count()
    }

    pub(crate) fn is_paused(&self, node: usize) -> bool {
        self.nodes[node].paused.is_some()
    }

    /// Returns the first promise that was broken.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.world.lock().unwrap().judge.failure.clone()
    }

    /// Does what a schedule says, and lets the tasks go on. An action that is not possible now changes nothing.
    pub(crate) fn perform(&mut self, action: Action) {
        self.schedule.push(action);
        self.tell(action);
        match action {
            Action::Begin { task, node, role } => self.begin(task, node, role),
            Action::Run(name) => {
                let mut world = self.world.lock().unwrap();
                world.apply(name);
                world.answer(name);
            }
            Action::Apply(name) => self.world.lock().unwrap().apply(name),
            Action::Answer(name) => self.world.lock().unwrap().answer(name),
            Action::Lose(name) => self.world.lock().unwrap().lose(name),
            Action::Vanish(name) => self.world.lock().unwrap().vanish(name),
            Action::Pass(milliseconds) => self.world.lock().unwrap().pass(milliseconds),
            Action::Pause(node) => self.pause(node),
            Action::Resume(node) => self.resume(node),
            Action::Kill(node) => self.kill(node),
            Action::Drain(node) => self.drain(node),
        }
        self.settle();
    }

    fn tell(&self, action: Action) {
        self.world.lock().unwrap().tell(|world| {
            let flight = action.name().map_or(String::new(), |name| format!(": {}", world.show_flight(name)));
            format!("{:>7} ms  {action}{flight}", world.model.now)
        });
    }

    fn begin(&mut self, task: u32, node: usize, role: Role) {
        let place = self.place(task, node);
        self.spawn(task, node, place.play(role));
    }

    fn place(&self, task: u32, node: usize) -> Place {
        let Settings { seed, variant, .. } = self.settings;
        let link = Link::new(&self.world, task, variant);
        Place { task, link, keeper: self.nodes[node].keeper.clone(), seed }
    }

    fn spawn(&mut self, task: u32, node: usize, future: impl Future<Output = ()> + Send + 'static) {
        let waker = Waker::from(Arc::new(Alarm { task, ready: Arc::clone(&self.ready) }));
        self.tasks.insert(task, Task { node, future: Box::pin(future), waker });
        self.ready.lock().unwrap().push_back(task);
    }

    /// Starts the keeper of a node.
    fn keep(&mut self, node: usize) {
        let task = self.keeper_task(node);
        let place = self.place(task, node);
        self.spawn(task, node, place.keep());
    }

    fn keeper_task(&mut self, node: usize) -> u32 {
        self.nodes[node].lives += 1;
        KEEPERS + 10_000 * u32::try_from(node).unwrap() + self.nodes[node].lives
    }

    /// Lets each task go on as far as it can.
    fn settle(&mut self) {
        loop {
            let Some(number) = self.ready.lock().unwrap().pop_front() else { return };
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            let node = &mut self.nodes[task.node];
            if node.paused.is_some() {
                node.waiting.push(number);
            } else if task.future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready() {
                self.tasks.remove(&number);
            }
        }
    }

    fn pause(&mut self, node: usize) {
        let now = self.world.lock().unwrap().model.now;
        self.nodes[node].paused.get_or_insert(now);
    }

    fn resume(&mut self, node: usize) {
        let Some(since) = self.nodes[node].paused.take() else { return };
        let mut world = self.world.lock().unwrap();
        if self.nodes[node].keeper.count() > 0 && world.model.now - since > LEASE {
            world.judge.events.count(Event::PausedTooLong);
        }
        self.ready.lock().unwrap().extend(self.nodes[node].waiting.drain(..));
    }

    /// Ends a node in the middle of everything, and starts it again.
    fn kill(&mut self, node: usize) {
        if self.nodes[node].keeper.count() > 0 {
            self.world.lock().unwrap().judge.events.count(Event::Killed);
        }
        self.tasks.retain(|_, task| task.node != node);
        self.start(node);
    }

    /// Ends the sessions of a node and releases its leases. Then it starts again.
    fn drain(&mut self, node: usize) {
        if self.is_paused(node) {
            return;
        }
        self.tasks.retain(|_, task| task.node != node);
        let task = self.keeper_task(node);
        let place = self.place(task, node);
        self.start(node);
        self.spawn(task, node, place.drain());
    }

    fn start(&mut self, node: usize) {
        let lives = self.nodes[node].lives;
        self.nodes[node] = Node { lives, ..Node::default() };
        self.keep(node);
    }

    /// Ends all faults, and checks that the site recovers.
    pub(crate) fn finish(&mut self) {
        let paused: Vec<usize> = (0..self.nodes.len()).filter(|node| self.is_paused(*node)).collect();
        paused.into_iter().for_each(|node| self.perform(Action::Resume(node)));
        self.calm();
        self.perform(Action::Pass(LEASE + 1));
        self.calm();
        for maildrop in 1..=self.settings.maildrops {
            let visit = Visit { maildrop, reads: true, stays: 0, marks: None };
            let before = self.refused();
            self.last(LAST + u32::try_from(maildrop).unwrap(), Role::Session(visit));
            if self.refused() > before {
                self.fail(Promise::Recovers, format!("maildrop {maildrop} does not open"));
            }
        }
        self.perform(Action::Pass(i64::try_from(AGES.coming.max(AGES.going)).unwrap() + 1));
        self.last(LAST, Role::Collection);
        self.world.lock().unwrap().compare();
    }

    fn last(&mut self, task: u32, role: Role) {
        if self.failure().is_none() {
            self.perform(Action::Begin { task, node: 0, role });
            self.calm();
        }
    }

    /// Runs everything, until only the keepers are left.
    fn calm(&mut self) {
        loop {
            self.answer_all();
            let next = self.world.lock().unwrap().next_timer();
            match next {
                _ if self.count() == 0 || self.failure().is_some() => return,
                Some(next) => self.perform(Action::Pass(next)),
                None => return self.fail(Promise::Recovers, "tasks wait for nothing"),
            }
        }
    }

    /// Runs and answers operations until none is on its way.
    pub(crate) fn answer_all(&mut self) {
        while self.failure().is_none() && self.answer_one() {}
    }

    /// Runs the first operation that is on its way, and answers it. Returns false if there is none.
    pub(crate) fn answer_one(&mut self) -> bool {
        let world = self.world.lock().unwrap();
        let first = world.flights.first().map(|flight| (world.name(0), flight.is_applied()));
        drop(world);
        match first {
            Some((name, true)) => self.perform(Action::Answer(name)),
            Some((name, false)) => self.perform(Action::Run(name)),
            None => {}
        }
        first.is_some()
    }

    /// Returns the keeper of a node.
    pub(crate) fn keeper(&self, node: usize) -> Keeper {
        self.nodes[node].keeper.clone()
    }

    fn refused(&self) -> u64 {
        self.world.lock().unwrap().judge.events.get(Event::InUse)
    }

    fn fail(&self, promise: Promise, text: impl Into<String>) {
        self.world.lock().unwrap().judge.fail(promise, text);
    }
}
