/*
 * Lease, epoch and fence: what Redis decides when replicas pause, messages stray and Redis itself forgets.
 *
 * Each script of Sources/GroupState/Scripts that changes the lease or the fence is one atomic step here, as it is in Redis.
 * Everything around them is as hostile as it can be: replicas have no deadlines, a lease ends whenever it likes, and
 * what was once sent may arrive at any later time, in any order, often or never. What is proven then holds for every
 * timing. README.md tells how to read this, which bounds apply and what is not modelled; `check` runs it.
 *
 * Switches that take a guard away, so that a violation must be found:
 *   NO_FENCE      a write is done without comparing it with the fence
 *   EPOCH_ONLY    the fence compares epoch and sequence, not the token
 *   BLIND_SYNC    sync raises the fence without looking at the lease
 *   EARLIER_SYNC  sync lets an earlier request of the same term set the sequence back
 *   BLIND_RESIGN  resign deletes the lease but does not seal the fence
 *   BARE_INCR     epoch = highest issued + 1
 *   NO_FLOOR      epoch = max(highest issued + 1, TIME)
 *   NO_TIME       epoch = max(highest issued + 1, floor + 1)
 * ANY_CLOCK lets TIME be any number at each election; without it TIME grows from one election to the next.
 * ONCE makes an acquire arrive only while its answer is waited for: counterexamples read better.
 * REACH=n turns the n-th thing that must be able to happen into an error, which shows that it can:
 *   1  a write of a term that is not the first, and was elected after Redis lost data
 *   2  a write of a term whose successor is in a history that was lost
 *   3  a write after its lease ended, before anybody else is elected
 *   4  a write of a term refused after another was elected
 *   5  a lease found to be its own by a replica that had not heard so
 *   6  a sync that comes after a later one of its term
 *   7  all replicas having led
 */

#define REPLICAS 3
#ifndef ELECTIONS
#define ELECTIONS 4    /* acquires that find the lease free, in lost histories too */
#endif
#ifndef TOKENS
#define TOKENS 2       /* of each replica: terms that it leads or asks for */
#endif
#ifndef SENDS
#define SENDS 3        /* numbered messages of a term */
#endif
#ifndef LOSSES
#define LOSSES 2       /* restarts empty, restarts with an older state, and evictions of the fence, together */
#endif
#ifndef RESTARTS
#define RESTARTS 1     /* of replicas, together */
#endif
#ifndef EPOCHS
#define EPOCHS 4       /* with ANY_CLOCK: TIME is one of 0 … EPOCHS */
#endif
#ifndef PROPERTY
#define PROPERTY 0
#endif
#ifndef REACH
#define REACH 0
#endif

/* Where TIME grows, it is above every floor, and no floor has to be kept track of; nor after the last election. */
#if defined(ANY_CLOCK) || defined(BARE_INCR) || defined(NO_TIME)
#define knows_floor (elections < ELECTIONS)
#else
#define knows_floor false
#endif

#define NONE 0
#define SEALED 255

/* What Redis holds; and what the history that led there has seen, which no script knows: it is for the properties. */
typedef Data {
    byte leaseEpoch; byte leaseToken;
    byte fenceEpoch; byte fenceToken; byte sequence; byte highest;

    byte newestEpoch; byte newestToken;    /* the newest term elected */
    byte done;                             /* the highest of its numbers that was synced or written */
    bool resigned;                         /* it has resigned */
    bool evicted                           /* the fence was evicted, and the highest epoch issued with it */
}
Data redis;
Data saved;    /* what a restart with an older state brings back; nothing at first */

/* What a replica did under one token. A term's other messages are not recorded: whatever it may send at some time, it
   may have sent long before, to arrive then. */
typedef Term {
    byte asked;        /* 1 + the floor in the first acquire; 0: there was none */
    byte epoch         /* of the lease that it heard to be acquired; 0: none */
}
typedef Replica {
    byte next;         /* which token is to be elected next */
    byte floor;        /* the highest epoch seen since the replica started */
    Term term[TOKENS]
}
Replica replica[REPLICAS];
#define this_term replica[me].term[k]
#define this_token (1 + me * TOKENS + k)

byte entered;             /* how many replicas have ever asked for the lease */
byte elections;
byte issued;              /* the highest epoch issued, in lost histories too; for what needs a TIME that grows */
byte losses = LOSSES;     /* left */
#if REACH == 1
byte lossesAtElection;    /* left at the last election */
#else
#define lossesAtElection LOSSES
#endif
byte restarts = RESTARTS; /* left */
byte instant, floor, epoch, n, i, j;    /* used within one step, 0 between steps */

#define max(a, b) ((a) > (b) -> (a) : (b))

/* What is proven, by the numbers of README.md. PROPERTY=n looks for violations of the n-th only. */
inline promise(number, condition) {
    assert((PROPERTY != 0 && PROPERTY != number) || (condition))
}

/* For the n-th thing that must be able to happen. */
inline reached(number, condition) {
    assert(REACH != number || !(condition))
}

inline copy(to, from) {
    to.leaseEpoch = from.leaseEpoch; to.leaseToken = from.leaseToken;
    to.fenceEpoch = from.fenceEpoch; to.fenceToken = from.fenceToken;
    to.sequence = from.sequence; to.highest = from.highest;
    to.newestEpoch = from.newestEpoch; to.newestToken = from.newestToken;
    to.done = from.done; to.resigned = from.resigned; to.evicted = from.evicted
}

inline erase(data) {
    data.leaseEpoch = 0; data.leaseToken = NONE;
    data.fenceEpoch = 0; data.fenceToken = NONE; data.sequence = 0; data.highest = 0;
    data.newestEpoch = 0; data.newestToken = NONE; data.done = 0; data.resigned = false; data.evicted = false
}

/* ---- The scripts ------------------------------------------------------------------------------------------------ */

#define is_newest (redis.newestEpoch == this_term.epoch && redis.newestToken == this_token)

inline set_fence(ofEpoch, sequenceNumber) {
    redis.fenceEpoch = ofEpoch; redis.fenceToken = this_token; redis.sequence = sequenceNumber;
    redis.highest = max(redis.highest, ofEpoch);
    redis.evicted = false
}

inline read_time() {
#ifdef ANY_CLOCK
    select(instant : 0 .. EPOCHS)
#else
    instant = elections + 1
#endif
}

inline choose_epoch() {
#if defined(BARE_INCR)
    epoch = redis.highest + 1
#elif defined(NO_FLOOR)
    epoch = max(redis.highest + 1, instant)
#elif defined(NO_TIME)
    epoch = max(redis.highest + 1, floor + 1)
#else
    epoch = max(max(redis.highest + 1, instant), floor + 1)
#endif
}

inline see(seen) {
    if
    :: knows_floor -> replica[me].floor = max(replica[me].floor, seen)
    :: else
    fi
}

inline forget_floors() {
    for (i : 0 .. REPLICAS - 1) {
        replica[i].floor = 0;
        for (j : 0 .. TOKENS - 1) { replica[i].term[j].asked = (replica[i].term[j].asked != 0) }
    }
    i = 0; j = 0
}

/* The answer is heard now or never: whoever gave up waiting for it no longer listens. */
inline hear_acquired() {
    if
    :: k == replica[me].next ->
        this_term.epoch = redis.leaseEpoch;
        see(redis.leaseEpoch);
        replica[me].next++;
        reached(7, replica[0].term[0].epoch != 0 && replica[1].term[0].epoch != 0 && replica[2].term[0].epoch != 0);
        printf("replica %d leads, epoch %d\n", me, this_term.epoch)
    :: true
    fi
}

inline hear_taken() {
    if
    :: k == replica[me].next -> see(redis.leaseEpoch)
    :: true
    fi
}

inline acquire() {
    if
    :: redis.leaseToken != NONE && redis.leaseToken != this_token ->
        printf("acquire of replica %d, token %d: taken, epoch %d\n", me, this_token, redis.leaseEpoch);
        hear_taken()
    :: redis.leaseToken == this_token ->
        printf("acquire of replica %d, token %d: its own, epoch %d\n", me, this_token, redis.leaseEpoch);
        reached(5, k == replica[me].next);
        if
        :: redis.fenceEpoch != redis.leaseEpoch || redis.fenceToken != this_token -> set_fence(redis.leaseEpoch, 0)
        :: else
        fi;
        hear_acquired()
    :: redis.leaseToken == NONE ->
        read_time();
        choose_epoch();
        printf("acquire of replica %d, token %d, floor %d: ELECTED, epoch %d\n", me, this_token, floor, epoch);
        /* An epoch is above all that its candidate had seen when it asked; above all that were issued before, unless
           they were forgotten; and, if TIME grows, above all that were ever issued. */
        promise(5, epoch > floor);
        promise(6, epoch > redis.newestEpoch || redis.evicted);
#if !defined(ANY_CLOCK) || PROPERTY == 7
        promise(7, epoch > issued);
#endif
        set_fence(epoch, 0);
        redis.leaseEpoch = epoch; redis.leaseToken = this_token;
        redis.newestEpoch = epoch; redis.newestToken = this_token;
        redis.done = 0; redis.resigned = false;
#if !defined(ANY_CLOCK) || PROPERTY == 7
        issued = max(issued, epoch);
#endif
#if REACH == 1
        lossesAtElection = losses;
#endif
        elections++;
        if
        :: elections == ELECTIONS -> forget_floors()
        :: else
        fi;
        hear_acquired()
    fi;
    instant = 0; epoch = 0; floor = 0
}

#ifdef BLIND_SYNC
#define holds_lease true
#else
#define holds_lease (redis.leaseEpoch == this_term.epoch && redis.leaseToken == this_token)
#endif

#ifdef EARLIER_SYNC
#define is_late false
#else
#define is_late (redis.fenceEpoch == this_term.epoch && redis.fenceToken == this_token && redis.sequence >= n)
#endif

inline sync() {
    if
    :: !holds_lease ->
        printf("sync %d of replica %d, epoch %d: the lease is not its own\n", n, me, this_term.epoch)
    :: holds_lease && is_late ->
        printf("sync %d of replica %d, epoch %d: late\n", n, me, this_term.epoch);
        reached(6, true)
    :: holds_lease && !is_late ->
        printf("sync %d of replica %d, epoch %d: the fence is raised\n", n, me, this_term.epoch);
        set_fence(this_term.epoch, n);
        redis.done = max(redis.done, n)
    fi;
    n = 0
}

#define continues (redis.fenceToken != NONE && redis.sequence == n - 1)
#if defined(NO_FENCE)
#define accepts true
#elif defined(EPOCH_ONLY)
#define accepts (redis.fenceEpoch == this_term.epoch && redis.fenceToken != SEALED && continues)
#else
#define accepts (redis.fenceEpoch == this_term.epoch && redis.fenceToken == this_token && continues)
#endif

inline write() {
    if
    :: accepts ->
        printf("write %d of replica %d, epoch %d: ACCEPTED\n", n, me, this_term.epoch);
        /* No write of an older term once a newer was elected. Nor, where Redis lost everything, of any before one was.
           And of the newest none that comes again, or after a sync that was sent later, or after it resigned. */
        promise(1, is_newest || redis.newestToken == NONE);
        promise(2, redis.newestToken != NONE);
        promise(3, n > redis.done);
        promise(4, !redis.resigned);
        redis.sequence = n;
        redis.done = n;
        reached(1, elections > 1 && lossesAtElection < LOSSES);
        reached(2, this_term.epoch < issued);
        reached(3, redis.leaseToken == NONE)
    :: !accepts ->
        printf("write %d of replica %d, epoch %d: refused\n", n, me, this_term.epoch);
        reached(4, redis.newestToken != NONE && !is_newest)
    fi;
    n = 0
}

inline resign() {
    printf("resign of replica %d, epoch %d\n", me, this_term.epoch);
    if
    :: redis.leaseEpoch == this_term.epoch && redis.leaseToken == this_token ->
        redis.leaseEpoch = 0; redis.leaseToken = NONE
    :: else
    fi;
#ifndef BLIND_RESIGN
    if
    :: redis.fenceToken == this_token -> redis.fenceToken = SEALED
    :: else
    fi;
#endif
    if
    :: is_newest -> redis.resigned = true
    :: else
    fi
}

/* ---- Who acts --------------------------------------------------------------------------------------------------- */

/* A replica does what it may at any time, or nothing for as long as it likes: it is paused. A term need not have ended
   when the next is asked for. */
proctype Life(byte me) {
    byte k;
end:
    do
    /* Ask for the lease. The replicas being alike, 0 is the name of the first that asks, 1 of the second. */
    :: d_step {
        elections < ELECTIONS && me <= entered &&
        replica[me].next < TOKENS && replica[me].term[replica[me].next].asked == 0 ->
        entered = max(entered, me + 1);
        replica[me].term[replica[me].next].asked = 1 + replica[me].floor;
        printf("replica %d asks for the lease, floor %d\n", me, replica[me].floor)
    }
    /* Start anew: what was seen is forgotten, and the next token is another. */
    :: d_step {
        restarts > 0 && me < entered && elections < ELECTIONS ->
        restarts--;
        replica[me].floor = 0;
        if
        :: replica[me].next < TOKENS && replica[me].term[replica[me].next].asked != 0 -> replica[me].next++
        :: else
        fi;
        printf("replica %d restarts\n", me)
    }
    od
}

#ifdef ONCE
#define may_arrive (k == replica[me].next)
#else
#define may_arrive true
#endif

/* What was sent arrives: late, again, in another order, or never. A term numbers what it sends: the first is a sync,
   others are syncs or batches. */
proctype Arrival(byte me; byte k) {
end:
    do
    :: atomic {
        this_term.asked != 0 && may_arrive && (redis.leaseToken != NONE || elections < ELECTIONS) ->
        if
        :: floor = this_term.asked - 1
        :: k == replica[me].next && this_term.asked <= replica[me].floor -> floor = replica[me].floor
        fi;
        acquire()
    }
    :: atomic { this_term.epoch != 0 -> select(n : 1 .. SENDS); sync() }
    :: atomic { this_term.epoch != 0 -> select(n : 2 .. SENDS); write() }
    :: d_step { this_term.epoch != 0 -> resign() }
    od
}

inline lose() {
    losses--;
    if
    :: losses == 0 -> erase(saved)
    :: else
    fi
}

/* What befalls Redis, at any time. */
proctype Fate() {
end:
    do
    :: d_step { redis.leaseToken != NONE -> redis.leaseEpoch = 0; redis.leaseToken = NONE; printf("the lease ends\n") }
    :: d_step { losses > 0 && redis.newestToken != NONE -> copy(saved, redis); printf("this state is saved\n") }
    :: d_step {
        losses > 0 && saved.newestToken != NONE ->
        copy(redis, saved);
        lose();
        printf("Redis RESTARTS with the saved state\n")
    }
    :: d_step { losses > 0 -> erase(redis); lose(); printf("Redis RESTARTS empty\n") }
    :: d_step {
        losses > 0 && redis.fenceToken != NONE ->
        redis.fenceEpoch = 0; redis.fenceToken = NONE; redis.sequence = 0; redis.highest = 0;
        redis.done = 0; redis.evicted = true;
        lose();
        printf("the fence is EVICTED\n")
    }
    od
}

init {
    atomic {
        for (i : 0 .. REPLICAS - 1) {
            run Life(i);
            for (j : 0 .. TOKENS - 1) {
                run Arrival(i, j)
            }
        }
        i = 0; j = 0;
        run Fate()
    }
}
