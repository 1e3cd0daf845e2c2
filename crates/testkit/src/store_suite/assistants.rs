//! Assistants: who sees, changes and deletes them, their slugs, and lists.

use chat::assistants::{
    Assistant, AssistantChange, AssistantFilter, AssistantPage, AssistantQuery, AssistantWriteError, Creator,
    NamedProject, Order, Reach, Slug, Viewer,
};
use chat::clock::Clock as _;
use chat::ids::AccountId;

use super::StoreUnderTest;
use crate::clock::ManualClock;

/// Accounts around one project: its administrator, two members, somebody from outside, and an administrator of all.
struct House<'store> {
    store: &'store dyn StoreUnderTest,
    clock: ManualClock,
    lead: Viewer,
    ada: Viewer,
    bob: Viewer,
    eve: Viewer,
    root: Viewer,
}

const DEMO: &str = "proj_demo";

impl<'store> House<'store> {
    async fn new(store: &'store dyn StoreUnderTest) -> Self {
        let clock = ManualClock::new();
        let account = async |name: &str| {
            let made = store.keys().ensure_account(AccountId::new(&clock), name, clock.now()).await;
            made.expect("an account is made")
        };
        let viewer = async |name: &str| Viewer { account: account(name).await, is_admin: false };
        let [lead, ada, bob] = [viewer("lead").await, viewer("ada").await, viewer("bob").await];
        let eve = viewer("eve").await;
        let root = Viewer { is_admin: true, ..viewer("root").await };
        let made = store.accounts().ensure_project(DEMO, "demo", clock.now()).await;
        assert_eq!(made.expect("a project is made"), DEMO);
        for (member, is_admin) in [(lead, true), (ada, false), (bob, false)] {
            store.accounts().set_member(DEMO, member.account, is_admin).await.expect("it is a member");
        }
        Self { store, clock, lead, ada, bob, eve, root }
    }

    /// The account's personal project.
    async fn personal(&self, viewer: Viewer, id: &str) -> String {
        let project =
            self.store.accounts().ensure_personal_project(id, viewer.account, "own", self.clock.now());
        project.await.expect("a project is made")
    }

    fn draft(&self, creator: Viewer, project: &str, id: &str) -> Assistant {
        let now = self.clock.now();
        let creator = Creator { account: creator.account, username: String::new(), name: String::new() };
        Assistant {
            id: id.to_owned(),
            short_id: format!("short-{id}"),
            slug: String::new(),
            name: id.to_owned(),
            description: "Helps.".to_owned(),
            creator: Some(creator),
            project: Some(NamedProject { id: project.to_owned(), name: String::new() }),
            knowledge: Vec::new(),
            instructions: "Be kind.".to_owned(),
            model: None,
            temperature: None,
            top_p: None,
            conversation_starters: Vec::new(),
            categories: Vec::new(),
            icon_url: None,
            is_react: false,
            shared: false,
            is_global: false,
            created_at: now,
            updated_at: now,
            may_change: false,
        }
    }

    async fn try_add(&self, viewer: Viewer, assistant: Assistant) -> Result<(), AssistantWriteError> {
        let slug = Slug::LikeName(assistant.id.clone());
        self.store.assistants().add_assistant(viewer, assistant, slug).await
    }

    /// Ada's, in the project with members.
    async fn add(&self, id: &str, change: impl FnOnce(&mut Assistant)) {
        let mut draft = self.draft(self.ada, DEMO, id);
        change(&mut draft);
        self.try_add(self.ada, draft).await.expect("it is stored");
    }

    async fn get(&self, viewer: Viewer, id: &str) -> Option<Assistant> {
        self.store.assistants().assistant(viewer, id).await.expect("assistants can be read")
    }

    async fn change(
        &self,
        viewer: Viewer,
        id: &str,
        change: AssistantChange,
    ) -> Result<(), AssistantWriteError> {
        self.store.assistants().change_assistant(viewer, id, change, self.clock.now()).await
    }

    async fn delete(&self, viewer: Viewer, id: &str) -> Result<(), AssistantWriteError> {
        self.store.assistants().delete_assistant(viewer, id).await
    }

    async fn page(&self, viewer: Viewer, query: AssistantQuery) -> AssistantPage {
        self.store.assistants().assistants(viewer, query).await.expect("assistants can be listed")
    }

    async fn list(&self, viewer: Viewer, query: AssistantQuery) -> Vec<String> {
        let page = self.page(viewer, AssistantQuery { limit: 100, ..query }).await;
        let ids: Vec<String> = page.assistants.into_iter().map(|assistant| assistant.id).collect();
        assert_eq!(page.total, ids.len() as u64, "all are on the page");
        ids
    }

    async fn filtered(&self, filter: AssistantFilter) -> Vec<String> {
        self.list(self.ada, AssistantQuery { filter, order: Order::Name, ..AssistantQuery::default() }).await
    }
}

fn renamed(name: &str) -> AssistantChange {
    AssistantChange { name: Some(name.to_owned()), ..AssistantChange::default() }
}

/// Every field comes back, with the names of its creator and project.
pub async fn an_assistant_is_read_back(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let full = |assistant: &mut Assistant| {
        assistant.model = Some("gpt-4o".to_owned());
        assistant.temperature = Some(0.25);
        assistant.top_p = Some(0.5);
        assistant.conversation_starters = vec!["Hi,\nyou".to_owned(), "Help".to_owned()];
        assistant.categories = vec!["qa".to_owned()];
        assistant.icon_url = Some("https://example.com/a.png".to_owned());
        assistant.is_react = true;
        assistant.shared = true;
    };
    house.add("a", full).await;
    let mut expected = house.draft(house.ada, DEMO, "a");
    full(&mut expected);
    expected.slug = "a".to_owned();
    expected.may_change = true;
    let creator = Creator { account: house.ada.account, username: "ada".to_owned(), name: String::new() };
    expected.creator = Some(creator);
    expected.project = Some(NamedProject { id: DEMO.to_owned(), name: "demo".to_owned() });
    assert_eq!(house.get(house.ada, "a").await, Some(expected.clone()));
    let by_slug = store.assistants().assistant_by_slug(house.ada, "a").await;
    assert_eq!(by_slug.expect("it can be read"), Some(expected.clone()));
    let brief = AssistantQuery { limit: 1, is_brief: true, ..AssistantQuery::default() };
    expected.instructions = String::new();
    let page = AssistantPage { assistants: vec![expected], total: 1 };
    assert_eq!(house.page(house.ada, brief).await, page);
}

/// Its creator, its project's administrators and administrators see what is not shared; members what is; everyone what is
/// for everyone. Nobody else sees anything.
pub async fn only_the_right_ones_see_an_assistant(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    house.add("own", |_| ()).await;
    house.add("shared", |assistant| assistant.shared = true).await;
    let mut global = house.draft(house.root, DEMO, "global");
    global.is_global = true;
    house.try_add(house.root, global).await.expect("it is stored");
    let personal = house.personal(house.ada, "proj_ada").await;
    let mut at_home = house.draft(house.ada, &personal, "at-home");
    at_home.shared = true;
    house.try_add(house.ada, at_home).await.expect("it is stored");
    let mut for_ada = house.draft(house.root, &personal, "for-ada");
    for_ada.shared = false;
    house.try_add(house.root, for_ada).await.expect("it is stored");

    for (viewer, sees) in [
        (house.ada, &["at-home", "for-ada", "global", "own", "shared"][..]),
        (house.lead, &["global", "own", "shared"]),
        (house.bob, &["global", "shared"]),
        (house.eve, &["global"]),
        (house.root, &["at-home", "for-ada", "global", "own", "shared"]),
    ] {
        let query = AssistantQuery { order: Order::Name, ..AssistantQuery::default() };
        assert_eq!(house.list(viewer, query).await, sees, "{viewer:?}");
        for id in ["at-home", "for-ada", "global", "own", "shared"] {
            assert_eq!(house.get(viewer, id).await.is_some(), sees.contains(&id), "{id} for {viewer:?}");
            let by_slug = store.assistants().assistant_by_slug(viewer, id).await.expect("it can be read");
            assert_eq!(by_slug.is_some(), sees.contains(&id), "{id} for {viewer:?}");
        }
    }
    store.accounts().remove_member(DEMO, house.bob.account).await.expect("he is taken out");
    assert_eq!(house.get(house.bob, "shared").await, None, "who left sees no more");
}

/// Its creator, its project's administrators and administrators change and delete it. To those who only see it that is not
/// allowed, and for the others it is not there.
pub async fn only_the_right_ones_change_an_assistant(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    house.add("own", |_| ()).await;
    house.add("shared", |assistant| assistant.shared = true).await;
    for (viewer, id) in [(house.bob, "own"), (house.eve, "own"), (house.eve, "shared"), (house.ada, "none")] {
        let changed = house.change(viewer, id, renamed("x")).await;
        assert!(matches!(changed, Err(AssistantWriteError::NotFound)), "{id}: {changed:?}");
        let deleted = house.delete(viewer, id).await;
        assert!(matches!(deleted, Err(AssistantWriteError::NotFound)), "{id}: {deleted:?}");
    }
    let changed = house.change(house.bob, "shared", renamed("x")).await;
    assert!(matches!(changed, Err(AssistantWriteError::NotAllowed)), "{changed:?}");
    let deleted = house.delete(house.bob, "shared").await;
    assert!(matches!(deleted, Err(AssistantWriteError::NotAllowed)), "{deleted:?}");
    assert!(!house.get(house.bob, "shared").await.expect("he sees it").may_change);

    for viewer in [house.ada, house.lead, house.root] {
        let name = format!("by {}", viewer.account);
        house.change(viewer, "own", renamed(&name)).await.expect("it is changed");
        let seen = house.get(viewer, "own").await.expect("it is there");
        assert_eq!((seen.name, seen.may_change), (name, true));
        let id = viewer.account.to_string();
        house.add(&id, |_| ()).await;
        house.delete(viewer, &id).await.expect("it is deleted");
        assert_eq!(house.get(house.root, &id).await, None);
    }
}

/// Nobody puts an assistant into a project that is not theirs, and one that is not there is the same.
pub async fn an_assistant_stays_out_of_foreign_projects(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let personal = house.personal(house.ada, "proj_ada").await;
    for project in [DEMO, personal.as_str(), "proj_none"] {
        let refused = house.try_add(house.eve, house.draft(house.eve, project, "e")).await;
        assert!(matches!(refused, Err(AssistantWriteError::NotInProject)), "{project}: {refused:?}");
    }
    let to = |project: &str| AssistantChange { project: Some(project.to_owned()), ..Default::default() };
    house.add("a", |_| ()).await;
    let home = house.personal(house.bob, "proj_bob").await;
    let moved = house.change(house.ada, "a", to(&home)).await;
    assert!(matches!(moved, Err(AssistantWriteError::NotInProject)), "{moved:?}");
    house.change(house.ada, "a", to(&personal)).await.expect("it is moved home");
    assert_eq!(house.get(house.lead, "a").await, None, "it left the project");
    house.change(house.root, "a", to(DEMO)).await.expect("an administrator names any");
    assert!(house.get(house.lead, "a").await.is_some());

    store.accounts().remove_member(DEMO, house.ada.account).await.expect("she is taken out");
    house.change(house.ada, "a", renamed("still hers")).await.expect("its creator may change it");
    house.change(house.ada, "a", to(DEMO)).await.expect("where it is already it stays");
}

/// An assistant reads what its maker may read, and for each viewer those of these projects that are the viewer's too.
pub async fn an_assistant_reads_for_nobody_what_they_may_not(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let own = house.personal(house.ada, "proj_ada").await;
    let home = house.personal(house.bob, "proj_bob").await;
    let named = |id: &str| NamedProject { id: id.to_owned(), name: String::new() };
    let reads = async |viewer: Viewer| {
        let seen = house.get(viewer, "a").await.expect("it is seen");
        seen.knowledge.into_iter().map(|project| project.id).collect::<Vec<_>>()
    };
    let to = |projects: &[&str]| AssistantChange {
        knowledge: Some(projects.iter().map(|id| (*id).to_owned()).collect()),
        ..AssistantChange::default()
    };
    for project in [home.as_str(), "proj_none"] {
        let mut draft = house.draft(house.ada, DEMO, "refused");
        draft.knowledge = vec![named(DEMO), named(project)];
        let refused = house.try_add(house.ada, draft).await;
        assert!(matches!(refused, Err(AssistantWriteError::NotInProject)), "{project}: {refused:?}");
    }
    house
        .add("a", |assistant| {
            assistant.shared = true;
            assistant.knowledge = vec![named(DEMO), named(&own)];
        })
        .await;
    assert_eq!(reads(house.ada).await, [DEMO, &own]);
    assert_eq!(reads(house.bob).await, [DEMO], "hers is not his");
    assert_eq!(reads(house.root).await, [DEMO, &own]);

    let refused = house.change(house.ada, "a", to(&[&home])).await;
    assert!(matches!(refused, Err(AssistantWriteError::NotInProject)), "{refused:?}");
    house.change(house.lead, "a", renamed("b")).await.expect("it is changed");
    house.change(house.lead, "a", to(&[])).await.expect("it is changed");
    assert_eq!(reads(house.ada).await, [own.as_str()], "what is not shown to who changes it stays");
    house.change(house.root, "a", to(&[&home, DEMO])).await.expect("an administrator names any");
    assert_eq!(reads(house.ada).await, [DEMO]);
    assert_eq!(reads(house.bob).await, [DEMO, &home]);
    store.accounts().remove_member(DEMO, house.bob.account).await.expect("he is taken out");
    assert_eq!(house.get(house.bob, "a").await, None);
    house.delete(house.root, "a").await.expect("it is deleted");
}

/// Administrators alone make an assistant one for everyone, and take it back.
pub async fn administrators_decide_what_is_for_everyone(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let global = |value| AssistantChange { is_global: Some(value), ..AssistantChange::default() };
    let mut draft = house.draft(house.ada, DEMO, "a");
    draft.is_global = true;
    let refused = house.try_add(house.ada, draft).await;
    assert!(matches!(refused, Err(AssistantWriteError::NotAdmin)), "{refused:?}");
    house.add("a", |_| ()).await;
    house.change(house.ada, "a", global(false)).await.expect("nothing changes");
    for viewer in [house.ada, house.lead] {
        let refused = house.change(viewer, "a", global(true)).await;
        assert!(matches!(refused, Err(AssistantWriteError::NotAdmin)), "{refused:?}");
    }
    house.change(house.root, "a", global(true)).await.expect("an administrator may");
    assert!(house.get(house.eve, "a").await.is_some());
    house.change(house.ada, "a", global(true)).await.expect("nothing changes");
    let refused = house.change(house.ada, "a", global(false)).await;
    assert!(matches!(refused, Err(AssistantWriteError::NotAdmin)), "{refused:?}");
}

/// A change leaves the rest, may take values away, and makes the assistant the newest.
pub async fn a_change_leaves_the_rest_of_an_assistant(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    house.add("a", |assistant| assistant.temperature = Some(0.5)).await;
    house.clock.advance(std::time::Duration::from_secs(1));
    house.add("b", |_| ()).await;
    let before = house.get(house.ada, "a").await.expect("it is there");
    house.clock.advance(std::time::Duration::from_secs(1));
    house.change(house.ada, "a", renamed("New")).await.expect("it is changed");
    let mut expected = Assistant { name: "New".to_owned(), updated_at: house.clock.now(), ..before };
    assert_eq!(house.get(house.ada, "a").await, Some(expected.clone()));
    assert_eq!(house.list(house.ada, AssistantQuery::default()).await, ["a", "b"]);
    let colder = AssistantChange { temperature: Some(None), ..AssistantChange::default() };
    house.change(house.ada, "a", colder).await.expect("it is changed");
    expected.temperature = None;
    assert_eq!(house.get(house.ada, "a").await, Some(expected));
}

/// A slug is one assistant's: one that is asked for is refused if it is taken, one that is made counts on.
pub async fn a_slug_is_one_assistants(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let add = async |viewer: Viewer, id: &str, slug: Slug| {
        let project = house.personal(viewer, &format!("proj_{}", viewer.account)).await;
        store.assistants().add_assistant(viewer, house.draft(viewer, &project, id), slug).await
    };
    let like = |slug: &str| Slug::LikeName(slug.to_owned());
    let exactly = |slug: &str| Slug::Exactly(slug.to_owned());
    for (id, slug) in
        [("1", like("helper")), ("2", like("helper")), ("3", like("helper")), ("4", exactly("x"))]
    {
        add(house.ada, id, slug).await.expect("it is stored");
    }
    let slug = async |id: &str| house.get(house.ada, id).await.expect("it is there").slug;
    assert_eq!([slug("1").await, slug("2").await, slug("3").await], ["helper", "helper-2", "helper-3"]);
    let refused = add(house.eve, "5", exactly("x")).await;
    assert!(matches!(refused, Err(AssistantWriteError::SlugTaken)), "{refused:?}");
    let to = |slug: &str| AssistantChange { slug: Some(slug.to_owned()), ..AssistantChange::default() };
    let refused = house.change(house.ada, "1", to("helper-2")).await;
    assert!(matches!(refused, Err(AssistantWriteError::SlugTaken)), "{refused:?}");
    house.change(house.ada, "1", to("helper")).await.expect("it keeps its own");
    house.delete(house.ada, "2").await.expect("it is deleted");
    house.change(house.ada, "1", to("helper-2")).await.expect("the slug is free");
    assert_eq!(slug("1").await, "helper-2");
}

/// What comes with the server is stored once, for everyone, and only administrators change it.
pub async fn what_comes_with_the_server_is_everyones(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    let own = Assistant {
        creator: None,
        project: None,
        slug: "assistant".to_owned(),
        is_global: true,
        ..house.draft(house.root, DEMO, "built-in")
    };
    let ensure = async |name: &str| {
        let assistant = Assistant { name: name.to_owned(), ..own.clone() };
        store.assistants().ensure_assistant(assistant).await.expect("it is stored")
    };
    ensure("first").await;
    ensure("second").await;
    let seen = house.get(house.eve, "built-in").await.expect("everyone sees it");
    let expected = Assistant { name: "first".to_owned(), may_change: false, ..own.clone() };
    assert_eq!(seen, expected);
    let refused = house.change(house.eve, "built-in", renamed("x")).await;
    assert!(matches!(refused, Err(AssistantWriteError::NotAllowed)), "{refused:?}");
    house.change(house.root, "built-in", renamed("ours")).await.expect("an administrator may");
    house.delete(house.root, "built-in").await.expect("an administrator may");
    let taken = house.draft(house.ada, DEMO, "a");
    let slug = Slug::Exactly("assistant".to_owned());
    store.assistants().add_assistant(house.ada, taken, slug).await.expect("the slug is free");
    ensure("again").await;
    let again = house.get(house.eve, "built-in").await.expect("it is back");
    assert_eq!(again.slug, "assistant-2");
}

/// Pages follow each other without gap and repeat, whatever is equal.
pub async fn assistants_come_in_pages(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    for number in 0..7 {
        house.add(&format!("id-{number}"), |assistant| assistant.name = "Same".to_owned()).await;
    }
    for order in [Order::Newest, Order::Name, Order::NameReversed] {
        let mut ids = Vec::new();
        for offset in [0, 3, 6, 9] {
            let query = AssistantQuery { order, offset, limit: 3, ..AssistantQuery::default() };
            let page = house.page(house.ada, query).await;
            assert_eq!(page.total, 7);
            ids.extend(page.assistants.into_iter().map(|assistant| assistant.id));
        }
        let all: Vec<String> = (0..7).map(|number| format!("id-{number}")).collect();
        assert_eq!(ids, all, "{order:?}");
    }
}

/// Names are sorted by letters and digits, whatever their case.
pub async fn assistants_are_sorted_by_name(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    for (id, name) in [("1", "beta"), ("2", "Alpha"), ("3", "[alp]-habet"), ("4", "2nd"), ("5", "!!!")] {
        house.add(id, |assistant| assistant.name = name.to_owned()).await;
    }
    let sorted =
        async |order| house.list(house.ada, AssistantQuery { order, ..AssistantQuery::default() }).await;
    assert_eq!(sorted(Order::Name).await, ["4", "2", "3", "1", "5"]);
    assert_eq!(sorted(Order::NameReversed).await, ["5", "1", "3", "2", "4"]);
}

/// Each filter, each reach, and several at once.
pub async fn assistants_are_filtered(store: &dyn StoreUnderTest) {
    let house = House::new(store).await;
    house.add("über", |assistant| assistant.name = "Übersetzer 100%".to_owned()).await;
    house
        .add("b", |assistant| {
            assistant.description = "Finds BUGS".to_owned();
            assistant.categories = vec!["qa".to_owned(), "code review".to_owned()];
            assistant.shared = true;
        })
        .await;
    let mut global = house.draft(house.root, DEMO, "global");
    global.is_global = true;
    global.categories = vec!["data".to_owned()];
    house.try_add(house.root, global).await.expect("it is stored");
    let home = house.personal(house.ada, "proj_ada").await;
    house.try_add(house.ada, house.draft(house.ada, &home, "home")).await.expect("it is stored");
    let text = |text: &str| Some(text.to_owned());
    let filter = AssistantFilter::default;
    for (filter, found) in [
        (AssistantFilter { search: text("üBERS"), ..filter() }, &["über"][..]),
        (AssistantFilter { search: text("bugs"), ..filter() }, &["b"]),
        (AssistantFilter { search: text("%"), ..filter() }, &["über"]),
        (AssistantFilter { name: text("bugs"), ..filter() }, &[]),
        (AssistantFilter { name: text("LOB"), ..filter() }, &["global"]),
        (AssistantFilter { projects: vec!["own".to_owned()], ..filter() }, &["home"]),
        (
            AssistantFilter { projects: vec!["x".to_owned(), "demo".to_owned()], ..filter() },
            &["b", "global", "über"],
        ),
        (AssistantFilter { created_by: text("root"), ..filter() }, &["global"]),
        (AssistantFilter { created_by: Some(house.root.account.to_string()), ..filter() }, &["global"]),
        (AssistantFilter { created_by: text("nobody"), ..filter() }, &[]),
        (AssistantFilter { shared: Some(true), ..filter() }, &["b"]),
        (AssistantFilter { is_global: Some(false), ..filter() }, &["b", "home", "über"]),
        (AssistantFilter { id: text("b"), ..filter() }, &["b"]),
        (AssistantFilter { slug: text("home"), ..filter() }, &["home"]),
        (
            AssistantFilter { categories: vec!["data".to_owned(), "qa".to_owned()], ..filter() },
            &["b", "global"],
        ),
        (AssistantFilter { categories: vec!["code".to_owned()], ..filter() }, &[]),
        (AssistantFilter { categories: vec!["qa".to_owned()], shared: Some(false), ..filter() }, &[]),
    ] {
        assert_eq!(house.filtered(filter.clone()).await, found, "{filter:?}");
    }
    for (reach, viewer, found) in [
        (Reach::Global, house.ada, &["global"][..]),
        (Reach::Own, house.ada, &["b", "home", "über"]),
        (Reach::Own, house.eve, &[]),
        (Reach::ProjectsAndGlobal, house.bob, &["b", "global"]),
        (Reach::ProjectsAndGlobal, house.eve, &["global"]),
        (Reach::ProjectsAndGlobal, house.root, &["global"]),
    ] {
        let query = AssistantQuery { reach, order: Order::Name, ..AssistantQuery::default() };
        assert_eq!(house.list(viewer, query).await, found, "{reach:?} for {viewer:?}");
    }
}
