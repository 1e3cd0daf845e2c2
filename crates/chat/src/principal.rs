//! Who is calling, and what they may do: the value that every entry to the core demands.

use crate::ids::AccountId;

/// A part of what callers may do: a key can be made for less than all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Ask, and read and change one's conversations.
    Chat,
    /// Read and change documents.
    Documents,
    /// Make, change and delete assistants.
    Assistants,
    /// Everything of everybody: users, projects, other accounts' assistants.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Documents, Self::Assistants, Self::Admin];

    /// Its name in settings, on the command line and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Documents => "documents",
            Self::Assistants => "assistants",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// All but administration: what whoever signs in may do.
    pub const EVERYDAY: Self =
        Self(1 << Scope::Chat as u8 | 1 << Scope::Documents as u8 | 1 << Scope::Assistants as u8);

    /// Whether the scope is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// These and one more.
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// These but one.
    pub fn without(self, scope: Scope) -> Self {
        Self(self.0 & !(1 << scope as u8))
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

/// How a caller has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// Not at all.
    Anonymous,
    /// As the command line on this machine.
    CommandLine,
    /// By an API key.
    Key,
    /// By a bearer token of an issuer.
    Token,
    /// By a ticket for one turn.
    Ticket,
}

/// The caller, as far as the core cares. Holding one is the proof of having signed in: only the identity crate and the
/// server's extractors make them (`cargo xtask tidy` checks it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    account: AccountId,
    sign_in: SignIn,
    scopes: Scopes,
    /// The public id of the API key.
    key: Option<String>,
}

impl Principal {
    /// The owner of this account on the command line; may do everything but administer.
    pub fn authenticated(account: AccountId) -> Self {
        Self::signed_in(account, SignIn::CommandLine, Scopes::EVERYDAY)
    }

    /// A caller without credentials; `account` is the one called `local`.
    pub fn anonymous(account: AccountId) -> Self {
        Self::signed_in(account, SignIn::Anonymous, Scopes::EVERYDAY)
    }

    /// The owner of valid credentials that are good for `scopes`.
    pub fn signed_in(account: AccountId, sign_in: SignIn, scopes: Scopes) -> Self {
        Self { account, sign_in, scopes, key: None }
    }

    /// The owner of the API key of this public id, on which messages are counted too.
    pub fn by_key(account: AccountId, key: String, scopes: Scopes) -> Self {
        Self { key: Some(key), ..Self::signed_in(account, SignIn::Key, scopes) }
    }

    /// What this caller's things belong to.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// How the caller has signed in.
    pub fn sign_in(&self) -> SignIn {
        self.sign_in
    }

    /// The public id of the API key that the caller has signed in by.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether the caller's credentials are good for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// An administrator, with credentials that are good for it.
    pub fn is_admin(&self) -> bool {
        self.may(Scope::Admin)
    }

    /// Whoever may read the data directory of the server.
    pub fn is_command_line(&self) -> bool {
        self.sign_in == SignIn::CommandLine
    }

    /// Came without credentials: reaches conversations by their id and lists none.
    pub fn is_anonymous(&self) -> bool {
        self.sign_in == SignIn::Anonymous
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set() {
        let scopes: Scopes = [Scope::Chat, Scope::Admin, Scope::Chat].into_iter().collect();
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [Scope::Chat, Scope::Admin]);
        assert_eq!(scopes.without(Scope::Admin).with(Scope::Chat).iter().collect::<Vec<_>>(), [Scope::Chat]);
        assert_eq!(Scopes::EVERYDAY.with(Scope::Admin).iter().collect::<Vec<_>>(), Scope::ALL);
        assert!(!Scopes::EVERYDAY.contains(Scope::Admin));
    }

    #[test]
    fn scopes_have_names() {
        assert!(Scope::ALL.into_iter().all(|scope| Scope::from_name(scope.name()) == Some(scope)));
        assert_eq!(Scope::from_name("root"), None);
    }
}
