"""draft"""
import numpy as np
from numba import njit

NEVER = -(2**40)
OPEN = 12
HERE = -(2**30)


@njit(cache=True)
def _room(seats, chairs, things, layouts):
    for layout in layouts:
        if seats <= layout[0] and chairs <= layout[1] and things <= layout[2]:
            return True
    return False


@njit(cache=True)
def best_set(chain, drive, same, early, late, dwell, base, takes, layouts, latest, code, limit, order, weight, must,
             budget, stop_below, ws_int, ws_mask, ws_open, heap_key, heap_at, table, stamp, call):
    """latest: [2m, n+1] suffix included separately in code 'suf'"""
    n = chain
    m = len(limit)
    q = len(order)
    suf = np.empty((2 * m, n + 1), np.int64)
    for i in range(2 * m):
        suf[i, n] = NEVER
        for k in range(n - 1, -1, -1):
            suf[i, k] = max(suf[i, k + 1], latest[i, k])
    busy = np.zeros(n, np.int64)
    for k in range(n - 2, -1, -1):
        busy[k] = busy[k + 1] + (0 if same[k, k + 1] else dwell[k] + drive[k, k + 1])
    cost = np.empty(m, np.int64)
    for i in range(m):
        cost[i] = dwell[n + i] + (0 if same[n + m + i, n - 1] else dwell[n + m + i])
    size = len(table)
    # label fields: pos, last, begin, leave, group, bound_late, weight, parent(count open), seats, chairs, things, next
    count = 0
    heap = 0
    best = 0
    best_mask = np.uint64(0)
    found = np.zeros(8, np.uint64)
    nfound = 0
    one = np.uint64(1)
    # root
    f = ws_int
    f[0, 0] = 0; f[0, 1] = 0; f[0, 2] = early[0]; f[0, 3] = early[0] + dwell[0]; f[0, 4] = dwell[0]; f[0, 5] = late[0]
    f[0, 6] = 0; f[0, 7] = 0; f[0, 8] = 0; f[0, 9] = 0; f[0, 10] = 0; f[0, 11] = -1
    ws_mask[0, 0] = 0; ws_mask[0, 1] = 0
    total = 0
    for z in range(q):
        total += weight[order[z]]
    heap_key[0] = total; heap_at[0] = 0; heap = 1; count = 1
    left = total
    ahead = np.empty(n + 1, np.int64)
    while heap > 0:
        key = heap_key[0]
        at = heap_at[0]
        if key <= best or key <= stop_below:
            return max(best, min(key, max(stop_below, best))), best, found, count
        if count + 2 * q + 2 >= budget:
            return key, best, found, count
        # pop
        heap -= 1
        lk = heap_key[heap]; la = heap_at[heap]
        i = 0
        while True:
            c = 2 * i + 1
            if c >= heap:
                break
            if c + 1 < heap and heap_key[c + 1] > heap_key[c]:
                c += 1
            if heap_key[c] <= lk:
                break
            heap_key[i] = heap_key[c]; heap_at[i] = heap_at[c]
            i = c
        heap_key[i] = lk; heap_at[i] = la
        if f[at, 11] == -2:  # dominated since
            continue
        k = f[at, 0]; v = f[at, 1]; begin = f[at, 2]; leave = f[at, 3]; group = f[at, 4]; wl = f[at, 5]
        wt = f[at, 6]; no = f[at, 7]; ls = f[at, 8]; lc = f[at, 9]; lt = f[at, 10]
        vis = ws_mask[at, 0]; opn = ws_mask[at, 1]
        roomy = opn == 0 or _room(ls + base[k, 0], lc + base[k, 1], lt + base[k, 2], layouts)
        for step in range(2 * q + 1):
            kk = k
            if step == 0:
                if k == n - 1:
                    continue
                u = k + 1; kk = k + 1; item = -1; lim = late[u]; bit = np.uint64(0)
            else:
                z = (step - 1) % q
                item = order[z]; bit = one << np.uint64(z)
                if step <= q:
                    if (opn & bit) == 0:
                        continue
                    u = n + m + item; lim = latest[m + item, k]
                    if code[m + item, k] == 2 and not same[v, u]:
                        continue
                else:
                    if (vis & bit) != 0:
                        continue
                    u = n + item; lim = latest[item, k]
                    if code[item, k] == 2 and not same[v, u]:
                        continue
            joint = same[v, u]
            if not joint and not roomy:
                continue
            arrive = begin if joint else leave + drive[v, u]
            b = max(arrive, early[u])
            if b > lim:
                continue
            new = count
            nl = lim
            # open rides
            cnt = 0
            ok = True
            if joint:
                e2 = max(leave, early[u]) + dwell[u]; g2 = group + dwell[u]
            else:
                e2 = b + dwell[u]; g2 = dwell[u]
            for s in range(no):
                o = ws_open[at, s, 0]; U = ws_open[at, s, 1]; D = ws_open[at, s, 2]
                if not joint:
                    if D == HERE:
                        U = U + group; D = drive[v, u]
                    else:
                        U = min(U, wl + group - (D + group)); D = D + group + drive[v, u]
                if o == item and step <= q and step > 0:
                    L = limit[o]
                    if (D != HERE and D > L) or b > U + L + (g2 if D == HERE else 0):
                        ok = False
                        break
                    nl = min(nl, U + L + (g2 if D == HERE else 0))
                    continue
                # can it still be dropped
                d = n + m + o
                sj = same[u, d]
                arr = b if sj else e2 + drive[u, d]
                if max(arr, early[d]) > suf[m + o, kk]:
                    ok = False
                    break
                if D != HERE:
                    DD = D if sj else D + g2 + drive[u, d]
                    if DD > limit[o] or max(arr, early[d]) > U + limit[o]:
                        ok = False
                        break
                ws_open[new, cnt, 0] = o; ws_open[new, cnt, 1] = U; ws_open[new, cnt, 2] = D
                cnt += 1
            if not ok:
                continue
            nvis = vis; nopn = opn; nw = wt; ns = ls; nc = lc; nt = lt
            if step > q:
                nvis = vis | bit; nopn = opn | bit; nw = wt + weight[item]
                ns += takes[item, 0]; nc += takes[item, 1]; nt += takes[item, 2]
                if cnt < OPEN:
                    ws_open[new, cnt, 0] = item; ws_open[new, cnt, 1] = lim; ws_open[new, cnt, 2] = HERE
                    cnt += 1
            elif step > 0:
                nopn = opn & ~bit
                ns -= takes[item, 0]; nc -= takes[item, 1]; nt -= takes[item, 2]
            # bound
            spare = 0
            if kk < n - 1:
                arr = b if same[u, kk + 1] else e2 + drive[u, kk + 1]
                ahead[kk + 1] = max(arr, early[kk + 1])
                spare = late[n - 1] - (arr + busy[kk + 1])
                for j in range(kk + 2, n):
                    ahead[j] = max(early[j], ahead[j - 1] if same[j - 1, j] else ahead[j - 1] + dwell[j - 1] + drive[j - 1, j])
                for s in range(q):
                    if nopn & (one << np.uint64(s)):
                        spare -= cost[order[s]] - dwell[n + order[s]]
            bound = nw
            possible = True
            for s in range(q):
                if nvis & (one << np.uint64(s)):
                    continue
                o = order[s]
                p = n + o
                if kk < n - 1 and cost[o] > spare and bound > nw:
                    pass
                can = (b if same[u, p] else e2 + drive[u, p]) <= latest[o, kk]
                if not can:
                    for j in range(kk + 1, n):
                        if suf[o, j] < ahead[j]:
                            break
                        if (ahead[j] if same[j, p] else ahead[j] + dwell[j] + drive[j, p]) <= latest[o, j]:
                            can = True
                            break
                if not can:
                    if must[o]:
                        possible = False
                        break
                    continue
                if kk == n - 1 or cost[o] <= spare:
                    bound += weight[o]
                    spare -= cost[o]
                elif spare > 0:
                    bound += weight[o] * spare // cost[o] + 1
                    spare = 0
                    break
                else:
                    break
            if not possible or bound <= best or bound <= stop_below:
                continue
            # dominance
            h = np.uint64(nvis) * np.uint64(0x9E3779B97F4A7C15) ^ (np.uint64(nopn) * np.uint64(0xC2B2AE3D27D4EB4F)) ^ np.uint64(u * 1000003 + kk * 7919)
            h ^= h >> np.uint64(29)
            slot = np.int64(h % np.uint64(size))
            while True:
                if stamp[slot] != call:
                    break
                x = table[slot]
                if ws_mask[x, 0] == nvis and ws_mask[x, 1] == nopn and f[x, 0] == kk and f[x, 1] == u:
                    break
                slot += 1
                if slot == size:
                    slot = 0
            head = -1
            dominated = False
            if stamp[slot] == call:
                head = table[slot]
                x = head
                while x >= 0:
                    if f[x, 2] <= b and f[x, 3] <= e2 and f[x, 4] == g2 and f[x, 5] >= nl:
                        good = True
                        for s in range(cnt):
                            o = ws_open[new, s, 0]
                            hit = False
                            for y in range(f[x, 7]):
                                if ws_open[x, y, 0] == o:
                                    hit = True
                                    if ws_open[x, y, 1] < ws_open[new, s, 1] or ws_open[x, y, 2] > ws_open[new, s, 2]:
                                        good = False
                                    break
                            if not hit:
                                pass
                            if not good:
                                break
                        if good:
                            dominated = True
                            break
                    x = f[x, 12]
            if dominated:
                continue
            x = head
            while x >= 0:
                if f[x, 11] != -2 and b <= f[x, 2] and e2 <= f[x, 3] and f[x, 4] == g2 and nl >= f[x, 5]:
                    good = True
                    for s in range(cnt):
                        for y in range(f[x, 7]):
                            if ws_open[x, y, 0] == ws_open[new, s, 0]:
                                if ws_open[x, y, 1] > ws_open[new, s, 1] or ws_open[x, y, 2] < ws_open[new, s, 2]:
                                    good = False
                                break
                        if not good:
                            break
                    if good:
                        f[x, 11] = -2
                x = f[x, 12]
            f[new, 0] = kk; f[new, 1] = u; f[new, 2] = b; f[new, 3] = e2; f[new, 4] = g2; f[new, 5] = nl
            f[new, 6] = nw; f[new, 7] = cnt; f[new, 8] = ns; f[new, 9] = nc; f[new, 10] = nt; f[new, 11] = at
            f[new, 12] = head
            ws_mask[new, 0] = nvis; ws_mask[new, 1] = nopn
            table[slot] = new; stamp[slot] = call
            count += 1
            if nopn == 0 and nw > best:
                best = nw; best_mask = nvis
                found[nfound % 8] = nvis; nfound += 1
            # push
            i = heap
            heap += 1
            while i > 0:
                pa = (i - 1) // 2
                if heap_key[pa] >= bound:
                    break
                heap_key[i] = heap_key[pa]; heap_at[i] = heap_at[pa]
                i = pa
            heap_key[i] = bound; heap_at[i] = new
    return best, best, found, count
